"""Where the UI links to for the code of an asset: the file on this machine, or the repository in CODE_LINK_BASE."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

ROOT = Path(__file__).parents[1]
CODE_REFERENCES = "dagster/code_references"


def with_code_links(assets: Sequence[dg.AssetsDefinition], base: str | None) -> Sequence[dg.AssetsDefinition]:
    """The assets, each with a link to its function: `base`/identity_assets/...#L12, or the local file if None."""
    local = [one for one in dg.with_source_code_references(assets) if isinstance(one, dg.AssetsDefinition)]
    if base is None:
        return local
    return [one.map_asset_specs(lambda spec: _linked(spec, base)) for one in local]


def _linked(spec: dg.AssetSpec, base: str) -> dg.AssetSpec:
    found = spec.metadata[CODE_REFERENCES]
    links: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
        dg.UrlCodeReference(url=_url(one, base))
        for one in found.code_references
        if isinstance(one, dg.LocalFileCodeReference)
    ]
    linked = dg.CodeReferencesMetadataValue(code_references=links)
    return spec.replace_attributes(metadata={**spec.metadata, CODE_REFERENCES: linked})


def _url(reference: dg.LocalFileCodeReference, base: str) -> str:
    path = Path(reference.file_path).relative_to(ROOT).as_posix()
    return f"{base.rstrip('/')}/{path}#L{reference.line_number}"
