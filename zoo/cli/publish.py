"""Verbs that share models by the Hugging Face Hub."""

from argparse import Namespace

from zoo.cli.arguments import AddCommand, positive
from zoo.errors import UnknownName, ZooError
from zoo.pretrained import catalog
from zoo.pretrained.hub import RepoRef
from zoo.text import printable


def register(verb: AddCommand) -> None:
    add = verb(publish, "Send a model to the Hugging Face Hub, from where anyone can load it.")
    add("source", metavar="RUN|CHECKPOINT|NAME|FILE", help="a FILE has its .md and .png beside it")
    add("repository", metavar="OWNER/NAME")
    add("--seeds", type=positive, default=3, help="draws to measure a checkpoint by (3)")
    add("--private", action="store_true", help="make a repository that only its owner sees")
    add("--revision", metavar="BRANCH", help="publish to this branch, made if need be (main)")
    add("--create-pr", action="store_true", help="propose it to the owner as a pull request")
    add("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    add("--force", action="store_true", help="even if worse than what is published there")

    add = verb(cache, "List what was fetched from the Hub, or clear it away.")
    add("names", nargs="*", metavar="OWNER/NAME", help="which repositories (all)")
    add("--clear", action="store_true", help="take them out of the cache")


def publish(options: Namespace) -> None:
    place = destination(options)
    from zoo.evaluation import PROTOCOLS
    from zoo.publishing.publish import build_package, check_package, push_to_hub

    protocol = PROTOCOLS["full"]._replace(seeds=options.seeds)
    with build_package(options.source, place.repository, protocol) as parcel:
        compared = check_package(parcel, place, options.force)
        print(f"{parcel.card.name} keeps what its card promises; for {place} there are")
        for name, size in parcel.files().items():
            print(f"{size / 1e6:10.3f} MB  {name}")
        if options.dry_run:
            print(f"\n{(parcel.folder / 'README.md').read_text(encoding='utf-8')}")
            print("nothing was sent: leave out --dry-run to send it")
            return
        commit = push_to_hub(parcel, place, options.private, options.create_pr, compared)
    if commit.pr_url:
        print(f"proposed at {printable(commit.pr_url)}")
        return
    print(f'published at {printable(commit.commit_url)}\nload it with: zoo.load("{place}")')
    if options.source in catalog.list_models():
        pinned = RepoRef(place.repository, commit.oid)
        print(f"where its file is not, its card may name it: `hub: {pinned}`")


def destination(options: Namespace) -> RepoRef:
    """Where to publish, by whom; told before a checkpoint is measured for minutes."""
    place = RepoRef.named(options.repository)
    if place is None:
        raise ZooError(f"{options.repository} is not a repository: name it as owner/name")
    if options.revision and place.revision:
        raise ZooError(f"{place} names a branch, and so does --revision: leave one out")
    place = RepoRef(place.repository, options.revision or place.revision)
    if options.create_pr and place.revision:
        raise ZooError("a pull request is to the main branch: leave out the revision")
    from huggingface_hub import get_token

    if get_token() is None and not options.dry_run:
        from zoo.pretrained.hub.errors import token

        raise ZooError(f"publishing needs a token that may write. {token()}")
    return place


def cache(options: Namespace) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    from zoo.pretrained.hub.cache import clear, fetched

    entries = fetched()
    known = {entry.place.repository for entry in entries}
    for name in options.names:
        if name not in known:
            raise UnknownName("repository in the cache", name, known, "`zoo cache`")
    chosen = [e for e in entries if not options.names or e.place.repository in options.names]
    for place, names, size, checked in chosen:
        at = printable(f"{place.repository:<32} {place.revision} {', '.join(names):<10}")
        print(f"{at} {size / 1e6:8.1f} MB{'' if checked else '  card only'}")
    total = f"{sum(entry.size for entry in chosen) / 1e6:.1f} MB in {HF_HUB_CACHE}"
    if options.clear:
        clear(chosen)
    print(f"{'cleared' if options.clear else 'fetched from the Hub'}: {len(chosen)}, {total}")
