# The same start as `scripts/serve`, as a user without rights; all data is in the volume /data.
FROM python:3.12-slim

# EXTRAS=llm builds the language model's library in. PIP_EXTRA_INDEX_URL may name an index with torch's CPU build.
ARG EXTRAS=""
ARG PIP_EXTRA_INDEX_URL=""

# Tesseract reads scans; further languages are packages of their own (tesseract-ocr-spa, -chi-tra, -chi-sim).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tesseract-ocr ${EXTRAS:+build-essential} \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 lectern \
    && install --directory --owner=lectern --group=lectern /srv/lectern /data

USER lectern
WORKDIR /srv/lectern
COPY --chown=lectern:lectern . .
RUN scripts/setup $EXTRAS

ENV LECTERN_HOME=/data LECTERN_HOST=0.0.0.0 LECTERN_PORT=8000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s CMD .venv/bin/python -c \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['LECTERN_PORT'] + '/health/ready')"
ENTRYPOINT ["scripts/serve"]
