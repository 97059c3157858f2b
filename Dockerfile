# genmo-serve in a container; written, not yet built (docs/serving.md).
#   docker build -t genmo-serve . && docker run -p 8000:8000 -e GENMO_SERVE_TOKEN=... genmo-serve --allow-host NAME
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# with a compiler the wheel carries libgenmo
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[serve]" && rm -r /wheels
RUN useradd --create-home server
USER server
EXPOSE 8000
HEALTHCHECK CMD python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health')"
# other machines can ask, so it wants a token: GENMO_SERVE_TOKEN, or --token-file with a mounted secret
ENTRYPOINT ["genmo-serve", "--host", "0.0.0.0"]
