"""Daily's REST interface: rooms, tokens, who is there, and transcripts that Daily stored."""
