"""compose.yaml and the Dockerfile: all that can be checked without Docker, and all with it."""

import asyncio
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from testcontainers.compose import DockerCompose

from contracts import streams
from earshot.cli.options import Outside
from earshot.readiness import SERVICES
from services._runtime import nats_server
from services._runtime.settings import Settings
from services.gateway import keyfile
from tests.support import compose
from tests.support.meetings import turns
from tests.support.product import Api, free_port

SECRET = "a-key-for-the-test"
GIVEN = {
    "EARSHOT_API_KEYS": "sha256:" + hashlib.sha256(SECRET.encode()).hexdigest(),
    "EARSHOT_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
    "NATS_USER": "earshot",
    "NATS_PASSWORD": "1e5",
}
SETTINGS = {str(one.alias) for kind in (Settings, Outside) for one in kind.model_fields.values()}
OURS = ("provision", *SERVICES)
START_SECONDS = 40
IMAGE_SECONDS = 900


def words(service: dict) -> list[str]:
    return service["command"]


def test_every_service_is_one_that_the_command_line_can_serve():
    found = compose.services(GIVEN)
    assert set(found) == {"nats", *OURS}
    assert words(found["provision"]) == ["provision"]
    for name in SERVICES:
        assert words(found[name]) == ["serve", name]


def test_every_variable_is_a_setting():
    for name, service in compose.services(GIVEN).items():
        assert set(service.get("environment", {})) <= SETTINGS, name
    named = {one for one in compose.variables() if one.startswith(("EARSHOT_", "OPENAI_"))}
    assert named <= SETTINGS | {"EARSHOT_IMAGE"}


def test_defaults_are_those_of_the_settings():
    plain = Settings(_env_file=None)
    for service in OURS:
        for name, value in compose.services(GIVEN)[service]["environment"].items():
            field = next(key for key, one in Settings.model_fields.items() if one.alias == name)
            if f"${{{name}:-" in compose.text() and value:
                assert str(type(getattr(plain, field))(value)) == str(getattr(plain, field)), name


def test_secrets_have_to_be_given():
    assert compose.required() == set(GIVEN)
    for name in GIVEN:
        with pytest.raises(compose.MissingVariableError, match=name):
            compose.services(GIVEN | {name: ""})


def test_no_container_can_do_more_than_it_needs():
    for name, service in compose.services(GIVEN).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_only_the_gateway_is_reached_from_outside_and_only_from_this_machine():
    published = {
        name: one["ports"] for name, one in compose.services(GIVEN).items() if "ports" in one
    }
    assert published == {"gateway": ["127.0.0.1:8080:8080"]}


def test_nothing_starts_before_the_streams_are_there():
    found = compose.services(GIVEN)
    assert found["provision"]["depends_on"] == {"nats": {"condition": "service_healthy"}}
    assert found["provision"]["restart"] == "no"
    for name in SERVICES:
        waits = found[name]["depends_on"]
        assert waits["provision"] == {"condition": "service_completed_successfully"}
        assert waits["nats"] == {"condition": "service_healthy"}
        assert found[name]["healthcheck"]["test"][0] == "CMD"


def test_what_has_to_last_is_on_volumes():
    document = yaml.safe_load(compose.text())
    assert set(document["volumes"]) == {"log", "spool"}
    assert "log:/data" in document["services"]["nats"]["volumes"]
    assert 'store_dir: "/data"' in (compose.ROOT / "deploy/nats.conf").read_text()
    home = re.search(r"EARSHOT_DATA_DIR=(\S+)", dockerfile())[1]
    assert document["services"]["ingest"]["volumes"] == [f"spool:{home}"]


def dockerfile() -> str:
    return (compose.ROOT / "Dockerfile").read_text()


def test_the_image_runs_without_rights_and_has_all_of_the_package():
    lines = dockerfile().splitlines()
    last_stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001:10001" in last_stage
    assert 'ENTRYPOINT ["earshot"]' in last_stage
    assert not any("pip install" in line for line in last_stage)
    assert "--require-hashes" in dockerfile()
    packages = tomllib.loads((compose.ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    context = (compose.ROOT / ".dockerignore").read_text().splitlines()
    for package in packages["build"]["targets"]["wheel"]["packages"]:
        assert f"COPY {package} {package}" in lines
        assert f"!{package}" in context


def test_what_the_image_is_built_from_makes_a_whole_wheel(tmp_path):
    """hatchling gets the files that .dockerignore lets through, and no others."""
    context = (compose.ROOT / ".dockerignore").read_text().splitlines()
    for name in (line[1:] for line in context if line.startswith("!")):
        source = compose.ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "out")]
    subprocess.run(built, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "in", "zip")
    for needed in ("services/gateway/page/page.html", "earshot/sample/meeting.jsonl"):
        assert (tmp_path / "in" / needed).is_file()
    assert list((tmp_path / "in").glob("earshot-*.dist-info/licenses/LICENSE"))


def configuration(home: Path, port: int, monitoring: int) -> str:
    """deploy/nats.conf with its places and ports made ours."""
    text = (compose.ROOT / "deploy/nats.conf").read_text()
    for old, new in (
        ('"/data"', f'"{home}"'),
        ("port: 4222", f'listen: "127.0.0.1:{port}"'),
        (":8222", f":{monitoring}"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@contextmanager
def running(*command: str, log: Path, **environment: str):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("EARSHOT_", "OPENAI_"))}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=clean | environment, cwd=log.parent, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()


async def healthy(check: list[str]) -> None:
    """Repeat a container's check until it holds."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    async with asyncio.timeout(START_SECONDS):
        while await (await asyncio.create_subprocess_exec(*check, **quiet)).wait() != 0:
            await asyncio.sleep(0.1)


def probe(service: dict, ports: dict[str, str]) -> list[str]:
    """A container's own check, run here."""
    code = service["healthcheck"]["test"][-1]
    for inside, outside in ports.items():
        code = code.replace(f":{inside}/", f":{outside}/")
    return [sys.executable, "-c", code]


async def test_its_commands_and_environments_work_without_containers(tmp_path):
    """A meeting goes in and an answer comes out, with each part started as compose.yaml says."""
    found, port, monitoring = compose.services(GIVEN), free_port(), free_port()
    conf = tmp_path / "nats.conf"
    conf.write_text(configuration(tmp_path / "data", port, monitoring))
    inside = "/etc/earshot/nats.conf"
    flags = [str(conf) if word == inside else word for word in words(found["nats"])]
    program = str(Path(sysconfig.get_path("scripts")) / "nats-server")
    earshot = (sys.executable, "-m", "earshot")
    with ExitStack() as stack:
        stack.enter_context(running(program, *flags, log=tmp_path / "nats.log"))
        url = f"http://127.0.0.1:{monitoring}/healthz?js-enabled-only=true"
        await healthy([sys.executable, "-c", f"import urllib.request as w; w.urlopen({url!r})"])
        gateway_port = str(free_port())
        probes = []
        for name in OURS:
            own = {"8080": gateway_port, "8081": str(free_port())}
            environment = {
                key: own.get(value, value).replace("nats:4222", f"127.0.0.1:{port}")
                for key, value in found[name]["environment"].items()
            }
            # only ingest has a place that can be written to
            place = tmp_path / "spool" if name == "ingest" else Path("/dev/null/nowhere")
            environment["EARSHOT_DATA_DIR"] = str(place)
            if name == "gateway":
                environment["EARSHOT_HOST"] = "127.0.0.1"
            started = running(
                *earshot, *words(found[name]), log=tmp_path / f"{name}.log", **environment
            )
            process = stack.enter_context(started)
            if name == "provision":
                assert await asyncio.to_thread(process.wait, START_SECONDS) == 0
            else:
                probes.append(probe(found[name], own))
        for check in probes:
            await healthy(check)
        await answers(f"http://127.0.0.1:{gateway_port}")


async def answers(url: str) -> None:
    async with Api(url) as api:
        assert (await api.http.get("/v1/sessions")).status_code == 401
        api.http.headers["authorization"] = f"Bearer {SECRET}"
        session_id = await api.play(turns(3, 40))
        assert (await api.ended(session_id))["counts"]["segments"] == 40
        answer = (await api.ask(session_id, "word3 word9")).json()
        assert answer["citations"]


def test_the_gateway_may_listen_everywhere_in_its_container():
    environment = compose.services(GIVEN)["gateway"]["environment"]
    keyed = Settings(_env_file=None, host="0.0.0.0", api_keys=environment["EARSHOT_API_KEYS"])
    assert environment["EARSHOT_HOST"] == "0.0.0.0"
    assert keyfile.keys(keyed)[0].digest in GIVEN["EARSHOT_API_KEYS"]


def test_its_nats_takes_as_large_messages_as_the_embedded_one():
    text = (compose.ROOT / "deploy/nats.conf").read_text()
    assert f"max_payload: {nats_server.MAX_PAYLOAD >> 20}MB" in text
    assert f'sync_interval: "{nats_server.SYNC_INTERVAL}"' in text
    assert f"max_file_store: {Settings(_env_file=None).store_bytes >> 30}GB" in text
    assert streams.MEETINGS.max_bytes == 0


def engine_trouble() -> str | None:
    """Why containers cannot be tested here, or None."""
    if not shutil.which("docker"):
        return "there is no `docker` command here"
    for arguments in (("version", "--format", "{{.Server.Version}}"), ("compose", "version")):
        command = ["docker", *arguments]
        asked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        if asked.returncode:
            return f"`{' '.join(command)}` fails: {asked.stderr.strip().splitlines()[0]}"
    return None


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(IMAGE_SECONDS + 300)
async def test_a_meeting_goes_in_and_an_answer_comes_out_of_containers(tmp_path, monkeypatch):
    if trouble := engine_trouble():
        pytest.skip(trouble)
    port = free_port()
    variables = tmp_path / "variables"
    given = GIVEN | {"GATEWAY_PORT": str(port), "EARSHOT_IMAGE": "earshot:test"}
    variables.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", f"earshot-test-{os.getpid()}")
    stack = DockerCompose(compose.ROOT, build=True, wait=False, env_file=str(variables))
    try:
        await asyncio.to_thread(stack.start)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            async with asyncio.timeout(IMAGE_SECONDS):
                while not await ready(http):
                    await asyncio.sleep(0.5)
        await answers(f"http://127.0.0.1:{port}")
    finally:
        await asyncio.to_thread(stack.stop)


async def ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/ready")).is_success
    except httpx.TransportError:
        return False
