"""Commands that share models on the Hugging Face Hub."""

from argparse import Namespace
from collections import Counter
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, positive
from zoo.errors import UnknownName, ZooError
from zoo.pretrained import catalog
from zoo.pretrained.hub import RepoRef
from zoo.text import printable

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo


def register(verb: AddCommand) -> None:
    add = verb(publish, "Send a model, or by --all every model, to the Hugging Face Hub.")
    source = "a FILE has its .md and .png beside it"
    add("source", nargs="?", metavar="RUN|CHECKPOINT|NAME|FILE", help=source)
    add("repository", nargs="?", metavar="OWNER/NAME")
    all_ = "publish every model of `zoo list` as OWNER/NAME, except unchanged ones"
    add("--all", metavar="OWNER", dest="owner", help=all_)
    add("--seeds", type=positive, default=3, help="sampling seeds to measure a checkpoint (3)")
    add("--private", action="store_true", help="create a private repository")
    add("--revision", metavar="BRANCH", help="branch to publish to, created if need be (main)")
    add("--create-pr", action="store_true", help="open a pull request instead")
    add("--dry-run", action="store_true", help="check and list the files without sending them")
    add("--force", action="store_true", help="publish even if worse than the published model")

    add = verb(cache, "List or clear the models that were downloaded from the Hub.")
    add("names", nargs="*", metavar="OWNER/NAME", help="which repositories (all)")
    add("--clear", action="store_true", help="delete them from the cache")


def publish(options: Namespace) -> None:
    if options.owner is not None:
        publish_every(options)
        return
    if options.repository is None:
        raise ZooError(
            "publish needs a model and a repository: zoo publish NAME OWNER/NAME, or --all OWNER"
        )
    repo = destination(options)
    check_token(options.dry_run)
    from zoo.evaluation import PROTOCOLS
    from zoo.publishing.package import build_package
    from zoo.publishing.publish import check_package, push_to_hub

    protocol = PROTOCOLS["full"]._replace(seeds=options.seeds)
    with build_package(options.source, repo.repository, protocol) as package:
        parent = check_package(package, repo, options.force)
        print(f"{package.card.name} matches its card; the files of {repo} are")
        for name, size in package.files().items():
            print(f"{size / 1e6:10.3f} MB  {name}")
        if options.dry_run:
            print(f"\n{(package.folder / 'README.md').read_text(encoding='utf-8')}")
            print("nothing was sent. Leave out --dry-run to send the files")
            return
        commit = push_to_hub(package, repo, options.private, options.create_pr, parent)
    print_commit(options.source, repo, commit)


def print_commit(source: str, repo: RepoRef, commit: "CommitInfo") -> None:
    """Print where a model was published, and how to load it."""
    if commit.pr_url:
        print(f"pull request: {printable(commit.pr_url)}")
        return
    print(f'published: {printable(commit.commit_url)}\nload it by zoo.load("{repo}")')
    if source in catalog.list_models():
        pinned = RepoRef(repo.repository, commit.oid)
        print(f"the card of {source} may pin this copy: `hub: {pinned}`")


def publish_every(options: Namespace) -> None:
    """Publish all models, with a line for each and a summary; raises ZooError for failures."""
    if options.source or options.revision or options.create_pr:
        raise ZooError("--all takes no model, no --revision and no --create-pr. Leave them out")
    if RepoRef.parse(f"{options.owner}/name") is None:
        raise ZooError(f"--all must be the name of an owner, got {options.owner!r}")
    check_token(options.dry_run)
    from zoo.publishing.publish_all import publish_all

    names = list(filter(catalog.is_local, catalog.list_models()))
    width, states, failed = max(map(len, names), default=0), Counter[str](), list[str]()
    for name, state, detail in publish_all(
        options.owner, options.private, options.force, options.dry_run
    ):
        print(f"{name:<{width}} {state:<9} {printable(detail)}".rstrip(), flush=True)
        states[state] += 1
        failed += [name] if state == "failed" else []
    print(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    if failed:
        raise ZooError(
            f"{len(failed)} of {len(names)} models failed: {', '.join(failed)}. Run the command "
            "again, which skips published models"
        )


def destination(options: Namespace) -> RepoRef:
    """The repository and branch to publish to; checked before a checkpoint is measured."""
    repo = RepoRef.parse(options.repository)
    if repo is None:
        raise ZooError(f"repository must be OWNER/NAME, got {options.repository}")
    if options.revision and repo.revision:
        raise ZooError(f"{repo} names a branch, and so does --revision. Leave one out")
    repo = RepoRef(repo.repository, options.revision or repo.revision)
    if options.create_pr and repo.revision:
        raise ZooError(f"--create-pr is for the main branch, got {repo.revision}. Leave it out")
    return repo


def check_token(dry_run: bool) -> None:
    """Raise ZooError where no token is set, which only a dry run does without."""
    from huggingface_hub import get_token

    if get_token() is None and not dry_run:
        from zoo.pretrained.hub.errors import token_hint

        raise ZooError(f"publishing needs a token with write permission. {token_hint()}")


def cache(options: Namespace) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    from zoo.pretrained.hub.cache import clear, list_cached

    models = list_cached()
    known = {model.repo.repository for model in models}
    for name in options.names:
        if name not in known:
            raise UnknownName("repository in the cache", name, known, "`zoo cache`")
    chosen = [m for m in models if not options.names or m.repo.repository in options.names]
    for repo, refs, size, verified in chosen:
        line = printable(f"{repo.repository:<32} {repo.revision} {', '.join(refs):<10}")
        print(f"{line} {size / 1e6:8.1f} MB{'' if verified else '  card only'}")
    total = f"{sum(model.size for model in chosen) / 1e6:.1f} MB in {HF_HUB_CACHE}"
    if options.clear:
        clear(chosen)
    print(f"{'cleared' if options.clear else 'downloaded'}: {len(chosen)}, {total}")
