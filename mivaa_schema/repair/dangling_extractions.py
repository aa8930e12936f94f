"""Extractions that name a PDF or a document that does not exist."""

from __future__ import annotations

from mivaa_schema.repair.base import RowRepair
from mivaa_schema.repair.references import any_leads_somewhere, set_null

TABLE = "public.processed_documents"
ENDS = {"pdf_document_id": "public.pdf_documents", "document_id": "public.documents"}

REPAIR = RowRepair(
    name="dangling-extractions",
    what="takes out of extractions the PDF or the document that does not exist",
    steps=tuple(
        set_null(TABLE, column, target, any_leads_somewhere([(TABLE, column)], target))
        for column, target in ENDS.items()
    ),
)
