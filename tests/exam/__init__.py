"""Answers the questions of labelled captures with saved queries, and marks the answers.

A scenario is a folder with `capture.pcap`, `briefing.md` (the inventory and the questions), `submission_template.yaml`
(the kind of each answer) and `answers.json` (the key). `make exam` captures each into a lake, and answers the questions
by tests/exam/rules.toml, which maps their wording to saved queries.

What answers and what marks are apart: `briefing`, `rules` and `answering` read the briefing, the template and the lake;
only `marking` opens answers.json, after the answers exist. The template has hints in comments, which are not read.
"""
