"""Typed SQLAlchemy models of the tables, one noun a module."""

from mivaa_schema.models.base import DIMENSIONS, LEGACY_DIMENSIONS, Base
from mivaa_schema.models.document import Document
from mivaa_schema.models.document_chunk import DocumentChunk
from mivaa_schema.models.guards import MadeByRevisions, guard, include_object
from mivaa_schema.models.migration_tracking import MigrationTracking
from mivaa_schema.models.pdf_document import PdfDocument
from mivaa_schema.models.processed_document import ProcessedDocument
from mivaa_schema.models.workspace import Workspace
from mivaa_schema.models.workspace_member import WorkspaceMember

__all__ = [
    "DIMENSIONS",
    "LEGACY_DIMENSIONS",
    "Base",
    "Document",
    "DocumentChunk",
    "MadeByRevisions",
    "MigrationTracking",
    "PdfDocument",
    "ProcessedDocument",
    "Workspace",
    "WorkspaceMember",
    "include_object",
]

guard(Base.metadata.tables.values())
