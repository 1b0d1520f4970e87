"""Our words: frozen structs, enums and rules. No I/O, no framework."""
