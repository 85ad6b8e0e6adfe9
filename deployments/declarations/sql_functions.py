"""What a SELECT of a summary may call: functions that make a value of values, and nothing else.

A list of what is allowed, since no list of what isn't would ever be whole: servers have functions that read files, tables
and settings by their names, write, wait, open connections and end those of others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from deployments.declarations.problems import nearest
from deployments.declarations.sql_text import SqlFault, Token

_AGGREGATES = """
any_value approximate array_agg avg bit_and bit_or bool_and bool_or corr count covar_pop covar_samp every listagg max median
min mode percentile_cont percentile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance hll hll_cardinality hll_combine
hll_create_sketch json_agg json_object_agg jsonb_agg jsonb_object_agg
"""
_WINDOWS = """
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank ratio_to_report row_number
"""
_TEXTS = """
ascii bpcharcmp btrim char_length character_length charindex chr concat concat_ws crc32 encode decode format fnv_hash initcap
left len length like_escape lower lpad ltrim md5 normalize octet_length octetindex overlay position quote_ident quote_literal
regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
regexp_substr repeat replace replicate reverse right rpad rtrim sha sha1 sha2 sha224 sha256 sha384 sha512 similar_escape
similar_to_escape split_part starts_with strpos strtol substr substring textlen to_hex translate trim upper soundex difference
bit_length to_ascii ltrim unistr parse_ident
"""
_NUMBERS = """
abs acos acosd asin asind atan atan2 atan2d atand cbrt ceil ceiling cos cosd cosh cot cotd dexp degrees div dlog1 dlog10 erf exp
factorial floor gcd greatest lcm least ln log log10 mod nullif numeric pi power pow radians round sign sin sind sinh sqrt tan
tand tanh trunc width_bucket scale trim_scale min_scale to_number
"""
_MOMENTS = """
add_months age convert_timezone date_add date_bin date_cmp date_cmp_timestamp date_diff date_part
date_part_year date_subtract date_trunc dateadd datediff dayname extract getdate interval_cmp isfinite justify_days
justify_hours justify_interval last_day make_date make_interval make_time make_timestamp make_timestamptz monthname
months_between next_day now overlaps sysdate timezone to_char to_date to_timestamp trunc transaction_timestamp
statement_timestamp
"""
_CHOICES = "coalesce decode greatest ifnull isnull least nullif nvl nvl2 iif grouping"
_SETS = """
array array_append array_cat array_concat array_dims array_flatten array_length array_lower array_ndims array_position
array_positions array_prepend array_remove array_replace array_to_string array_upper cardinality generate_series
generate_subscripts get_array_length split_to_array string_to_array string_to_table subarray unnest
"""
_JSON = """
can_json_parse is_array is_object is_valid_json is_valid_json_array is_varchar json_array_elements json_array_elements_text
json_array_length json_build_array json_build_object json_each json_each_text json_extract_array_element_text
json_extract_path json_extract_path_text json_object json_object_keys json_parse json_serialize json_size json_strip_nulls
json_typeof jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
jsonb_each_text jsonb_exists jsonb_extract_path jsonb_extract_path_text jsonb_object jsonb_object_keys jsonb_path_exists
jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls
jsonb_typeof object to_json to_jsonb row_to_json array_to_json json_populate_record json_to_record jsonb_to_record
json_to_recordset jsonb_to_recordset
"""
_CASTS = "cast convert try_cast text_to_int_alt text_to_numeric_alt"
NOT_REPEATABLE = frozenset(
    [
        "random",
        "setseed",
        "gen_random_uuid",
        "uuid_generate_v4",
        "newid",
        "rand",
        "random_normal",
        "clock_timestamp",
        "timeofday",
    ]
)
"""They give other values each time. Told with what to write instead; none may be called."""
CALLABLE = frozenset(
    " ".join((_AGGREGATES, _WINDOWS, _TEXTS, _NUMBERS, _MOMENTS, _CHOICES, _SETS, _JSON, _CASTS)).split()
)
_TYPES = """
bigint binary bit bool boolean bpchar bytea char character date decimal double float float4 float8 int int2 int4 int8 integer
interval json jsonb nchar numeric nvarchar precision real smallint super text time timestamp timestamptz timetz uuid varbinary
varbyte varchar varying geometry geography hllsketch without with zone
"""
_GRAMMAR = """
all and any as asc between by case cross cube desc distinct else end escape except except exists filter first following from
full group grouping having ilike in inner intersect is isnull join last lateral left like limit materialized minus natural not
notnull null nulls offset on only or order outer over partition pivot preceding qualify range recursive right rollup row rows
select sets similar some then to top union unpivot using values when where window with within ordinality
"""
GRAMMAR = frozenset(_GRAMMAR.split())
_WORDS = GRAMMAR | frozenset(_TYPES.split())


def call_faults(tokens: Sequence[Token], named: Collection[int]) -> Iterator[SqlFault]:
    """Calls of what isn't allowed. `named`: where names begin that a list of columns may follow, as in WITH a (x, y)."""
    for index, token in enumerate(tokens[:-1]):
        if not token.is_name or tokens[index + 1].text != "(" or token.start in named:
            continue
        if index and tokens[index - 1].text == ".":
            yield SqlFault(
                f"calls {token.text}() of a schema: what somebody else made isn't run by a build",
                "functions of the warehouse itself, without a schema", token.start,
            )  # fmt: skip
        elif token.name in NOT_REPEATABLE:
            yield SqlFault(
                f"calls {token.text}(), which gives other rows each time: a build couldn't be repeated or compared",
                "a value made of columns, such as MD5(id) to draw a sample", token.start,
            )  # fmt: skip
        elif token.name not in CALLABLE and not (token.kind == "word" and token.name in _WORDS):
            yield SqlFault(
                f"calls {token.text}(), which a summary can't: only functions that make a value of values are allowed",
                "see docs/add-a-summary.md", token.start, nearest(token.name, CALLABLE),
            )  # fmt: skip
