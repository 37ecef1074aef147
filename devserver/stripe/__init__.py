"""A fake Stripe account in its own process: API, webhooks, checkout and portal pages.

``make run`` uses it if no Stripe key is set, and the tests use it instead of Stripe. It is
stateful, its responses have the shapes of the API version that the `stripe` package requests, and
it refuses the requests that Stripe refuses. No payments are made.

    python -m devserver.stripe --port 0 [--webhook URL --secret whsec_…] [--state FILE]

It accepts any key of the form ``sk_test_…``. ``/`` lists the test cards. Each change creates the
same events as at Stripe. They are signed and sent to the webhook endpoints until these return 2xx.
The clock shows the real time, and due changes (renewals, ends of trials, retries) happen
automatically. ``control`` lists the operations for tests: move the clock, hold or shuffle the
webhooks, make calls fail, dispute a charge.

The modules: ``app`` (HTTP) → ``api`` (key, idempotency) → ``routes`` → one module for each kind of
object; the largest are ``subscriptions``, ``subscription_changes`` and ``invoices``. ``renewals``
makes due changes; ``world`` is the state that they share, ``store`` contains the objects and
``rendering`` renders them; ``delivery`` sends the events; ``checkout``, ``portal`` and ``pages``
are for browsers; ``process`` runs the server for tests.
"""
