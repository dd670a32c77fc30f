"""Dead letters as an operator handles them: found, shown, published again, rewritten without those about a user."""
