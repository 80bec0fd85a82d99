"""The ground floor: what every room stands on. Standard library only."""
