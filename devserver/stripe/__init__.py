"""A Stripe account in a process of its own: API, webhooks, checkout and portal pages.

``make run`` uses it when no Stripe key is set, and the tests use it as the far end of the wire.
It is stateful, answers in the shapes of the API version that the `stripe` package asks for, and
refuses what Stripe refuses. Nobody is charged.

    python -m devserver.stripe --port 0 [--webhook URL --secret whsec_…] [--state FILE]

Any key of the form ``sk_test_…`` opens it. ``/`` lists the test cards. Each change makes the
events that Stripe makes; they are signed and sent to the webhook endpoints until those answer
2xx. Time is the real one, and what falls due (renewals, ends of trials, retries) happens by
itself; ``control`` lists what tests may do: move the clock, hold or shuffle the webhooks, make
calls fail, dispute a charge.

How the files fit: ``app`` (HTTP) → ``api`` (key, idempotency) → ``routes`` → one file for each
kind of object, of which ``subscriptions``, ``subscription_changes`` and ``invoices`` hold the
most; ``renewals`` lets things happen in time; ``world`` is what all of them act upon, ``store``
holds the objects and ``rendering`` shows them; ``delivery`` sends the events; ``checkout``,
``portal`` and ``pages`` are for browsers; ``process`` runs it all for tests.
"""
