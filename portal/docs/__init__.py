"""The documentation: the pages of docs/, with a menu and a search."""
