"""Use cases, named by verb; transactions belong to them."""
