"""Which of two models should answer: quality of the ranking, of the probabilities, and of the budget."""
