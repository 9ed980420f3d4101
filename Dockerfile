# The web app, the command line and the model server in one image; docs/docker.md tells how to build and run it.
#   docker build -t tgvig .                                  for CPUs
#   docker build -t tgvig:cuda --build-arg VARIANT=cuda .    for NVIDIA GPUs
ARG VARIANT=cpu

FROM python:3.12-slim-bookworm AS base
WORKDIR /app

COPY packages.txt ./
# The word lists, what WeasyPrint needs for PDF reports, and a font. Versions are not pinned: Debian's mirrors keep the
# latest only, and a pinned one would stop the build one day.
RUN apt-get update \
    && xargs -a packages.txt apt-get install -y --no-install-recommends fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*

# Packages come before the code, so that a change of the code does not fetch them again. TORCH_INDEX: another package
# index for torch and torchvision alone, such as PyTorch's own with builds for CPUs only; "" takes pip's usual one.
ARG TORCH_INDEX=""
ARG EXTRAS="serve"
COPY requirements.txt pyproject.toml ./
COPY tools/scripts/make_requirements.py ./tools/scripts/
RUN python tools/scripts/make_requirements.py --print $EXTRAS > /tmp/extras.txt \
    && grep -E '^torch(vision)?[<>=]' requirements.txt > /tmp/torch.txt \
    && pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} -r /tmp/torch.txt \
    && pip install --no-cache-dir -r requirements.txt -r /tmp/extras.txt \
    && rm /tmp/torch.txt /tmp/extras.txt

COPY . .
RUN pip install --no-cache-dir --no-deps -e . \
    && python -m compileall -q app.py tgvig_* \
    && useradd --uid 1000 --user-group --create-home tgvig \
    && install -d -o tgvig -g tgvig /data

ENV PYTHONUNBUFFERED=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    TGVIG_CACHE=/data \
    HF_HOME=/data/models/hub
USER 1000

# Weights are fetched while building only for a pack that is named: paper or strong. The image then runs without a network.
ARG FETCH_PACK=""
RUN if [ -n "$FETCH_PACK" ]; then \
        python -c "import sys; from tgvig_core.packs import registry as packs; packs.load(packs.choose(sys.argv[1])[0], None, 'cpu')" "$FETCH_PACK"; \
    fi

FROM base AS cpu

FROM base AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM ${VARIANT}
# /data/runs holds the parts, /data/models the weights that are fetched or brought.
VOLUME ["/data"]
EXPOSE 7860
# Python heeds SIGINT also as the container's first process, where the system drops a SIGTERM that nobody handles.
STOPSIGNAL SIGINT
# Any answer below 500 is a healthy one: `tgvig serve` has this address, the web app answers that it has not.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; page = http.client.HTTPConnection('127.0.0.1', 7860, timeout=5); page.request('GET', '/health'); sys.exit(page.getresponse().status >= 500)"]
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860", "--runs", "/data/runs"]
