"""`houseful rush`: rehearse an on-sale with people who do not wait for answers, and tell what a board asks.

accounts   of the people, made beforehand in a local installation, and their tokens
arrivals   when they come: curves
people     who they are: kinds, and what each has so far
client     requests over kept connections; many polls in one write
target     an installation, asked by a person: retries, and what is recorded of it
venue      the event that is rehearsed
lobby      who waits in the line, without a task for each
shop       what each kind does once it may buy
recording  what was measured
rehearsal  all of it, one after the other
verdict    what must hold in the end
figures    the result as JSON · report, plots: the result as a page · live: what the terminal shows
"""
