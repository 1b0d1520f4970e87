"""What guards the house: keys, limits, uploads, and the one way out."""
