"""What every server shares: strict tools, error mapping, transports, manifests."""
