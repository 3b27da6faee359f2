"""Stores: adapters of the ports onto PostgreSQL, Redis and Qdrant."""
