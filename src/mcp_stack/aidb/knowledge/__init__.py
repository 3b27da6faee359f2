"""The knowledge base: importing, searching, answering, tidying up."""
