"""Labels: ground truth of attacks, joined to the records of a lake, and training sets made from both."""
