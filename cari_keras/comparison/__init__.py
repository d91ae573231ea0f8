"""Strategies side by side: the same run with every way of weighing the tasks, and several seeds."""
