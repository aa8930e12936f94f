"""Extractions that name a PDF or a document that does not exist."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair
from mivaa_schema.repair.references import all_dangling, set_null

TABLE = "public.processed_documents"
TARGETS = {"pdf_document_id": "public.pdf_documents", "document_id": "public.documents"}

REPAIR = RowRepair(
    name="dangling-extractions",
    description="sets the PDF or the document of extractions to null if it does not exist",
    tables=tuple(
        set_null(TABLE, column, target, all_dangling([(TABLE, column)], target))
        for column, target in TARGETS.items()
    ),
)
