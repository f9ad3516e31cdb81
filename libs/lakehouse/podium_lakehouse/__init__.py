"""The lakehouse: Delta tables, Podium's own records, and the engines that fill them."""
