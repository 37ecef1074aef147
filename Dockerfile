# One image for the web server, the worker, beat and the migrations: only the command differs.
# docker-compose.yml shows each of them.

# With a digest: docs/operating/one-host.md, "Pinning the images".
ARG PYTHON_IMAGE=python:3.13.14-slim-trixie
FROM ${PYTHON_IMAGE} AS base

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app


FROM base AS build

# The same interpreter as below, a venv without pip, and nothing that would need a compiler.
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary=:all: --require-hashes -r /tmp/base.txt

# What is copied is listed in .dockerignore.
COPY . .
RUN python -m compileall -q . \
    && DATABASE_URL=postgresql://none REDIS_URL=redis://none \
        python manage.py collectstatic --noinput


FROM base AS runtime

RUN groupadd --gid 10001 tokengate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin tokengate \
    && install --directory --owner=10001 --group=10001 --mode=700 /var/lib/tokengate
# Root's files: what serves the site cannot change it.
COPY --from=build /venv /venv
COPY --from=build /app /app

USER 10001:10001
ENV HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-m", "config.healthcheck"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]
