"""One bot: a process of its own that sits in one Daily call and writes down what happens there."""
