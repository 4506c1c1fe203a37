"""Ground truth joined to records: readers, joins, feature sets, exports."""
