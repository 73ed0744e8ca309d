"""The one way in for rows: files, folders and Hub data sets, for every command.

Files, by their ending (capitals do not matter; all but parquet may also end in `.gz`):

| ending | rows |
|---|---|
| `.jsonl`, `.ndjson` | one object a line; blank lines are skipped |
| `.json` | an array of objects, one object, or one object a line |
| `.csv`, `.tsv` | a header and rows, quoted as in RFC 4180; every cell is text |
| `.parquet` | its rows |
| `.txt` | one text a line; only where plain text is taken, and a blank line is an empty text |

Refused, with the line and, where there is one, the column: text that is not UTF-8 (a byte order
mark before UTF-8 is skipped) or holds a zero byte, JSON that does not parse or is no object, a row
with more or fewer cells than the header (a table with semicolons is named as that), a column that
the first row lacks, two columns of one name, a file that is cut, damaged, packed in another way
than its name says or of another kind by its first bytes (a web page, a database, a spreadsheet), a
link that leads nowhere, in a folder too.

Dropped and counted by reason, with the position of the first, where a text is wanted: `null`,
`number`, `boolean`, `date`, `bytes`, `list`, `object` (values that are not text; nothing is turned
into text), `half_surrogate` (half of a character, which JSON can carry and UTF-8 cannot), `empty`
(where a text that shows nothing, zero-width characters among it, is of no use) and `left_out` (by
`--where`). A list of targets or references is one text for each of its items, in every command that
reads targets; an empty list is `empty`.

`--where COLUMN=VALUE` compares text with text: a number is written as JSON writes it, true, false
and null by these words, a date as in ISO 8601. `id=007` is the text 007 and never the number 7.

Splits, by a word in the file's name, else in the name of the nearest folder inside what was named;
a row's own column `split` decides before both. Folders above what was named say nothing, so a
checkout may lie in one called `dev`; only the folder that directly holds the data counts where it
is nothing but such a word and another split's folder or file lies next to it:

| split | words |
|---|---|
| train | train, training |
| validation | validation, valid, val, dev, devel, development, eval, evaluation |
| test | test, testing, heldout, holdout |

A word may end in set, data or split (`testData`, `dev_set`) or be written in two (`held-out`). A
name with words of several splits is that of a held-out one, and what nobody names is train.
A held-out split is never trained on, and how many of its rows were passed over is said.

`train`, `distill`, `evaluate`, `generate`, `stats`, `task check`, `audit draw`, `audit score`,
`calibrate`, `critic train` and `critic evaluate` all read so, and each says what it dropped.
"""
