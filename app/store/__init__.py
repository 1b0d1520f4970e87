"""Tables in and out: functions take a connection and return domain structs; SQL lives beside them."""
