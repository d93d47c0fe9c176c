"""What a buyer or an organizer takes along: ticket, calendar date, letter text, list of orders."""
