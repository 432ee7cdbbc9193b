/*
 * message.c -- octets to names, numbers and records, and back.
 *
 * The one idea: octets of a message are touched only through a reader or a
 * writer, and but octets_take, octets_add and the first steps with whole names
 * nothing compares with a length; so what is built of them cannot leave its
 * bounds.  Names are kept in wire form, and become text only for people.  What
 * the rdata of each type looks like is one table of short words.
 *
 * Nothing here waits, allocates, knows the time or remembers the last call.
 */
#include "dns.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

enum {
	POINTER_TAG = 0xc000, /* RFC 1035 4.1.4 */
	POINTER_TARGET_MAX = 0x3fff,
	SLOT_PROBES_MAX = 8, /* so that colliding names cost no more */

	OPTION_COOKIE = 10,    /* RFC 7873 4 */
	OPTION_KEEPALIVE = 11, /* RFC 7828 3.1 */
	OPTION_EDE = 15,       /* RFC 8914 2 */
	EDNS_DO = 0x8000
};

static_assert(NAME_LEN_MAX <= UINT8_MAX, "a name's length is an octet");
static_assert(LABEL_LEN_MAX < 'A', "a length octet is no letter");
static_assert(NAMES_REMEMBERED < 256 / 2, "the table is at most half full");

/*
 * The types known by name, each with the shape of its rdata:
 *	1-9	a number of so many octets
 *	N	a name, which may be compressed (RFC 1035 3.3, RFC 3597 4)
 *	n	a name, which we never compress but expand if another did
 *	a	an IPv4 address
 *	A	an IPv6 address
 *	d	a time: seconds since 1970
 *	w	a type
 *	s	a character string: a length and so many octets
 *	u	the same, a word of letters and digits
 *	x	the same, of octets
 *	o	the same, of octets that text has in base 32
 *	t	one or more character strings, up to the end
 *	Q	one string, up to the end
 *	X	octets, up to the end
 *	B	octets that text has in base 64, up to the end
 *	T	a set of types, up to the end
 *	P	parameters of a service, up to the end
 *	*	anything, up to the end
 * All other types are "*" (RFC 3597 3).  The class is not looked at, as none
 * but IN is ever kept.
 */
static const struct type {
	char mnemonic[11];
	char shape[10];
} types[] = {
    [TYPE_A] = {"A", "a"},
    [TYPE_NS] = {"NS", "N"},
    [3] = {"MD", "N"},
    [4] = {"MF", "N"},
    [TYPE_CNAME] = {"CNAME", "N"},
    [TYPE_SOA] = {"SOA", "NN44444"},
    [7] = {"MB", "N"},
    [8] = {"MG", "N"},
    [9] = {"MR", "N"},
    [10] = {"NULL", "*"},
    [11] = {"WKS", "41*"},
    [TYPE_PTR] = {"PTR", "N"},
    [13] = {"HINFO", "ss"},
    [14] = {"MINFO", "NN"},
    [TYPE_MX] = {"MX", "2N"},
    [TYPE_TXT] = {"TXT", "t"},
    [17] = {"RP", "nn"},
    [18] = {"AFSDB", "2n"},
    [19] = {"X25", "s"},
    [20] = {"ISDN", "t"},
    [21] = {"RT", "2n"},
    [22] = {"NSAP", "*"},
    [24] = {"SIG", "w114dd2nB"},
    [25] = {"KEY", "211B"},
    [26] = {"PX", "2nn"},
    [27] = {"GPOS", "sss"},
    [TYPE_AAAA] = {"AAAA", "A"},
    [29] = {"LOC", "*"},
    [30] = {"NXT", "n*"},
    [TYPE_SRV] = {"SRV", "222n"},
    [35] = {"NAPTR", "22sssn"},
    [36] = {"KX", "2n"},
    [37] = {"CERT", "221B"},
    [TYPE_DNAME] = {"DNAME", "n"},
    [TYPE_OPT] = {"OPT", "*"},
    [42] = {"APL", "*"},
    [TYPE_DS] = {"DS", "211X"},
    [44] = {"SSHFP", "11X"},
    [45] = {"IPSECKEY", "*"},
    [TYPE_RRSIG] = {"RRSIG", "w114dd2nB"},
    [TYPE_NSEC] = {"NSEC", "nT"},
    [TYPE_DNSKEY] = {"DNSKEY", "211B"},
    [49] = {"DHCID", "B"},
    [TYPE_NSEC3] = {"NSEC3", "112xoT"},
    [51] = {"NSEC3PARAM", "112x"},
    [52] = {"TLSA", "111X"},
    [53] = {"SMIMEA", "111X"},
    [55] = {"HIP", "*"},
    [59] = {"CDS", "211X"},
    [60] = {"CDNSKEY", "211B"},
    [61] = {"OPENPGPKEY", "B"},
    [62] = {"CSYNC", "42T"},
    [63] = {"ZONEMD", "411X"},
    [64] = {"SVCB", "2nP"},
    [65] = {"HTTPS", "2nP"},
    [99] = {"SPF", "t"},
    [104] = {"NID", "28"},
    [105] = {"L32", "2a"},
    [106] = {"L64", "28"},
    [107] = {"LP", "2n"},
    [108] = {"EUI48", "6"},
    [109] = {"EUI64", "8"},
    [TYPE_NXNAME] = {"NXNAME", "*"},
    [TYPE_TKEY] = {"TKEY", "*"},
    [TYPE_TSIG] = {"TSIG", "*"},
    [TYPE_IXFR] = {"IXFR", "*"},
    [TYPE_AXFR] = {"AXFR", "*"},
    [TYPE_MAILB] = {"MAILB", "*"},
    [TYPE_MAILA] = {"MAILA", "*"},
    [TYPE_ANY] = {"ANY", "*"},
    [256] = {"URI", "22Q"},
    [257] = {"CAA", "1uQ"},
};

enum {
	TYPES = sizeof(types) / sizeof(types[0])
};

static_assert(sizeof(types->mnemonic) <= TYPE_TEXT_MAX, "it is copied whole");

static const char *const rcodes[] = {
    [RCODE_NOERROR] = "NOERROR",
    [RCODE_FORMERR] = "FORMERR",
    [RCODE_SERVFAIL] = "SERVFAIL",
    [RCODE_NXDOMAIN] = "NXDOMAIN",
    [RCODE_NOTIMP] = "NOTIMP",
    [RCODE_REFUSED] = "REFUSED",
    [RCODE_YXDOMAIN] = "YXDOMAIN",
    [7] = "YXRRSET",
    [8] = "NXRRSET",
    [9] = "NOTAUTH",
    [10] = "NOTZONE",
    [11] = "DSOTYPENI",
    [RCODE_BADVERS] = "BADVERS",
    [RCODE_BADCOOKIE] = "BADCOOKIE",
};

/* A label of a name to be written, and the slot of the name from there on. */
struct suffix {
	uint8_t at, slot;
};

/* Words of a text: what is between two of them, and where they start. */
struct words {
	struct writer *to;
	size_t start;
	char between;
};

/* The state of SipHash. */
struct sip {
	uint64_t v0, v1, v2, v3;
};

static const struct name root = {.len = 1, .wire = {0}};

static inline bool read_run(struct reader *r, struct name *name);
static SELDOM bool read_pointers(
    struct reader *r, struct name *name, size_t start);
static bool name_append(struct name *name, const uint8_t *label, uint8_t len);
static void spend(struct reader *r, size_t work);
static bool overworked(const struct reader *r);
static void copy_field(
    struct reader *in, size_t end, char field, struct writer *out);
static size_t field_octets(char field);
static void copy_string(struct reader *in, struct writer *out);
static void copy_bytes(struct reader *in, size_t n, struct writer *out);
static const char *type_shape(uint16_t type);
static void write_reason(struct writer *w, const struct reason *why);
static void write_length_at(struct writer *w, size_t at);
static void write_whole(struct writer *w, size_t mark);
static bool first_is(const struct writer *w, const struct name *name);
static void first_remember(
    struct writer *w, const struct name *name, size_t at);
static void write_pointer(struct writer *w, size_t target);
static void write_compressed(struct writer *w, const struct name *name);
static void suffixes_remember(
    struct writer *w, const struct suffix *suffixes, size_t n, size_t name_at);
static size_t name_suffixes(
    const struct name *name, struct suffix suffixes[LABELS_MAX]);
static size_t suffix_find(
    const struct writer *w, const uint8_t *label, uint8_t slot, size_t parent);
static bool suffix_stands(
    const struct writer *w, size_t at, const uint8_t *label, size_t parent);
static bool suffix_remember(struct writer *w, uint8_t slot, size_t at);
static void names_forget(struct compressor *names, size_t mark);
static bool octets_equal(const uint8_t *a, const uint8_t *b, size_t n);
static inline bool words_equal(uint64_t a, uint64_t b);
static inline uint64_t case_bits(uint64_t octets, uint8_t a, uint8_t z);
static uint64_t fold_u64(uint64_t octets);
static uint8_t fold_u8(uint8_t octet);
static inline uint64_t load_u64(const uint8_t *b);
static bool name_join(const uint8_t *labels, size_t len, const struct name *end,
    struct name *result);
static inline uint64_t siphash(const uint8_t *octets, size_t n,
    const uint8_t key[16], unsigned word_rounds, unsigned last_rounds,
    bool fold) __attribute__((always_inline));
static inline uint64_t load_last(const uint8_t *octets, size_t n);
static inline void sip_word(struct sip *s, uint64_t word, unsigned rounds);
static inline void sip_rounds(struct sip *s, unsigned rounds);
static inline uint64_t rotate(uint64_t x, unsigned bits);
static char *octet_to_text(
    uint8_t octet, uint8_t least, const char *special, char *text);
static bool labels_from_text(
    const char *text, const char *end, struct name *name, bool *absolute);
static bool label_from_text(
    const char **text, const char *end, struct name *name);
static bool octet_from_text(const char **text, const char *end, uint8_t *octet);
static bool number_from_text(
    const char *text, size_t len, unsigned max, unsigned *number);
static void words_add_field(
    const struct words *words, char field, struct reader *in);
static int address_domain(const struct address *a);
static unsigned address_bits(const struct address *a);

/* ---------------------------------------------------------------------------
 * Reading.
 */

static inline const uint8_t *
octets_take(struct reader *r, size_t n)
{
	const uint8_t *octets;

	assert(r->at <= r->len);
	if (r->failed || n > r->len - r->at) {
		r->failed = true;
		return NULL;
	}
	octets = r->base + r->at;
	r->at += n;
	return octets;
}

static inline uint16_t
u16_of(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t
u32_of(const uint8_t *b)
{
	return (uint32_t)u16_of(b) << 16 | u16_of(b + 2);
}

const uint8_t *
read_bytes(struct reader *r, size_t n)
{
	return octets_take(r, n);
}

uint8_t
read_u8(struct reader *r)
{
	const uint8_t *b = octets_take(r, 1);

	return b == NULL ? 0 : b[0];
}

uint16_t
read_u16(struct reader *r)
{
	const uint8_t *b = octets_take(r, 2);

	return b == NULL ? 0 : u16_of(b);
}

uint32_t
read_u32(struct reader *r)
{
	const uint8_t *b = octets_take(r, 4);

	return b == NULL ? 0 : u32_of(b);
}

void
read_address(struct reader *r, uint8_t family, struct address *a)
{
	size_t len = family == 4 ? 4 : 16;
	const uint8_t *ip = read_bytes(r, len);

	memset(a, 0, sizeof(*a));
	a->family = family;
	a->port = DNS_PORT;
	if (ip != NULL)
		memcpy(a->ip, ip, len);
}

struct reader
read_stored(struct reader *body)
{
	size_t len = read_u16(body);
	struct reader stored = *body;

	stored.failed |= read_bytes(body, len) == NULL;
	stored.len = stored.at + (stored.failed ? 0 : len);
	return stored;
}

static inline bool
name_take(struct reader *r, struct name *name)
{
	size_t start = r->at;

	name->len = 0;
	return read_run(r, name) || read_pointers(r, name, start);
}

bool
read_name(struct reader *r, struct name *name)
{
	return name_take(r, name);
}

/*
 * Behind its first run, which begins at the start.  Every pointer must lead to
 * before the run of labels that it ends.  So each jump goes backwards, and the
 * walk must end.
 */
static bool
read_pointers(struct reader *r, struct name *name, size_t start)
{
	size_t run = start, after = 0;
	unsigned hops;

	for (hops = 0; !r->failed; hops++) {
		/* What is no pointer leads beyond all. */
		size_t target = (size_t)read_u16(r) - POINTER_TAG;

		if (hops == 0)
			after = r->at;
		if (target >= run || hops == HOPS_MAX)
			r->failed = true;
		else
			r->at = run = target;
		r->work++; /* which read_run looks at */
		if (!r->failed && read_run(r, name))
			break;
	}
	r->at = r->failed ? start : after;
	if (r->failed)
		name->len = 0;
	return !r->failed;
}

/*
 * Append the labels up to the root, or else up to what should be a pointer,
 * and tell whether it was the root.  That is looked for as far as the message
 * goes and a name may go (RFC 1035 2.3.4); the two upper bits of a length that
 * is one are zero.
 */
static inline bool
read_run(struct reader *r, struct name *name)
{
	size_t left = r->len - r->at, room = (size_t)NAME_LEN_MAX - name->len;
	const uint8_t *run = r->base + r->at;
	size_t most = left < room ? left : room, n = 0;
	bool ended;

	while (n < most && run[n] != 0 && run[n] <= LABEL_LEN_MAX)
		n += 1u + run[n];
	ended = n < most && run[n] == 0;
	n += ended;
	if (n > room || octets_take(r, n) == NULL) {
		r->failed = true;
		return false;
	}
	memcpy(name->wire + name->len, run, n);
	name->len = (uint8_t)(name->len + n);
	spend(r, n);
	return ended && !r->failed;
}

/* False: it would be too long (RFC 1035 2.3.4). */
static bool
name_append(struct name *name, const uint8_t *label, uint8_t len)
{
	assert(len <= LABEL_LEN_MAX); /* label_from_text has room for no more */
	if (name->len + 1 + len > NAME_LEN_MAX)
		return false;
	name->wire[name->len] = len;
	memcpy(name->wire + name->len + 1, label, len);
	name->len = (uint8_t)(name->len + 1 + len);
	return true;
}

/*
 * Charge for expanding names.  That each name is bounded is not enough: many
 * short records may all point to the same long one.
 */
static void
spend(struct reader *r, size_t work)
{
	r->work += work;
	if (overworked(r))
		r->failed = true;
}

static bool
overworked(const struct reader *r)
{
	return r->work > WORK_PER_OCTET * r->len;
}

bool
read_header(struct reader *r, struct header *h)
{
	const uint8_t *b = octets_take(r, HEADER_LEN);

	if (b == NULL) {
		memset(h, 0, sizeof(*h));
		return false;
	}
	*h = (struct header){.id = u16_of(b),
	    .flags = (uint16_t)(u16_of(b + 2) & ~FLAG_Z),
	    .questions = u16_of(b + 4),
	    .answers = u16_of(b + 6),
	    .authorities = u16_of(b + 8),
	    .additionals = u16_of(b + 10)};
	return true;
}

bool
read_question(struct reader *r, struct question *q)
{
	const uint8_t *b;

	name_take(r, &q->name);
	b = octets_take(r, 4);
	q->type = b == NULL ? 0 : u16_of(b);
	q->class = b == NULL ? 0 : u16_of(b + 2);
	return b != NULL;
}

bool
read_record(struct reader *r, struct record *record)
{
	assert(r->len <= MESSAGE_MAX);
	const uint8_t *b;

	name_take(r, &record->owner);
	b = octets_take(r, 10);
	record->type = b == NULL ? 0 : u16_of(b);
	record->class = b == NULL ? 0 : u16_of(b + 2);
	record->ttl_s = b == NULL ? 0 : u32_of(b + 4);
	record->rdata_len = b == NULL ? 0 : u16_of(b + 8);
	record->rdata_at = (uint16_t)r->at;
	return octets_take(r, record->rdata_len) != NULL;
}

/* ---------------------------------------------------------------------------
 * Rdata and EDNS.
 */

/*
 * A field may run on over the end of its rdata into the rest of the message;
 * that shows in the end, when the fields do not end where the rdata does.
 */
bool
read_rdata(
    struct reader *message, const struct record *record, struct writer *out)
{
	struct reader in = *message;
	size_t end = (size_t)record->rdata_at + record->rdata_len;
	size_t mark = out->len;
	const char *field;

	assert(end <= message->len);
	if (message->failed || out->failed)
		return false;
	in.at = record->rdata_at;
	for (field = type_shape(record->type); *field != '\0'; field++)
		copy_field(&in, end, *field, out);
	message->work = in.work;
	if (overworked(message))
		message->failed = true;
	if (in.failed || in.at != end || out->failed ||
	    out->len - mark > UINT16_MAX) {
		write_back_to(out, mark);
		return false;
	}
	return true;
}

/* Copy one field of a shape in rdata that ends at `end`, names expanded. */
static void
copy_field(struct reader *in, size_t end, char field, struct writer *out)
{
	struct name name;

	switch (field) {
	case 'N':
	case 'n':
		if (read_name(in, &name))
			write_bytes(out, name.wire, name.len);
		break;
	case 's':
	case 'u':
	case 'x':
	case 'o':
		copy_string(in, out);
		break;
	case 't':
		do
			copy_string(in, out);
		while (in->at < end && !in->failed);
		break;
	case 'Q':
	case 'X':
	case 'B':
	case 'T':
	case 'P':
	case '*':
		if (in->at <= end)
			copy_bytes(in, end - in->at, out);
		break;
	default:
		copy_bytes(in, field_octets(field), out);
	}
}

/* Of the fields that all have the same length. */
static size_t
field_octets(char field)
{
	switch (field) {
	case 'w':
		return 2;
	case 'a':
	case 'd':
		return 4;
	case 'A':
		return 16;
	default:
		assert(field >= '1' && field <= '9');
		return (size_t)(field - '0');
	}
}

static void
copy_string(struct reader *in, struct writer *out)
{
	uint8_t len = read_u8(in);

	write_u8(out, len);
	copy_bytes(in, len, out);
}

static void
copy_bytes(struct reader *in, size_t n, struct writer *out)
{
	const uint8_t *bytes = read_bytes(in, n);

	if (bytes != NULL)
		write_bytes(out, bytes, n);
}

static const char *
type_shape(uint16_t type)
{
	if (type < TYPES && types[type].shape[0] != '\0')
		return types[type].shape;
	return "*";
}

/* RFC 7873 5.2.2: a cookie of a length that none has makes OPT malformed. */
static void
read_option(struct reader *in, struct edns *edns)
{
	uint16_t code = read_u16(in), len = read_u16(in);
	const uint8_t *octets = read_bytes(in, len);

	if (octets == NULL)
		return;
	edns->keepalive |= code == OPTION_KEEPALIVE;
	if (code != OPTION_COOKIE || edns->cookie_len > 0)
		return; /* RFC 7873 5.2: of two cookies the first counts */
	if (len > COOKIE_MAX ||
	    (len != COOKIE_CLIENT_LEN && len < 2 * COOKIE_CLIENT_LEN)) {
		in->failed = true;
		return;
	}
	edns->cookie_len = (uint8_t)len;
	memcpy(edns->cookie, octets, len);
}

bool
read_edns(
    const struct reader *message, const struct record *opt, struct edns *edns)
{
	struct reader in;
	unsigned i;

	assert(opt->type == TYPE_OPT);
	memset(edns, 0, sizeof(*edns));
	reader_init(&in, message->base, (size_t)opt->rdata_at + opt->rdata_len);
	assert(in.len <= message->len);
	in.at = opt->rdata_at;
	for (i = 0; i < EDNS_OPTIONS_MAX && in.at < in.len && !in.failed; i++)
		read_option(&in, edns);
	if (in.failed || opt->owner.len != root.len) {
		memset(edns, 0, sizeof(*edns));
		return false;
	}
	edns->present = true;
	edns->rcode_high = (uint8_t)(opt->ttl_s >> 24);
	edns->version = (uint8_t)(opt->ttl_s >> 16);
	edns->dnssec_ok = opt->ttl_s & EDNS_DO;
	edns->udp_max = opt->class;
	if (edns->udp_max < UDP_PLAIN_MAX) /* RFC 6891 6.2.3 */
		edns->udp_max = UDP_PLAIN_MAX;
	return true;
}

/* ---------------------------------------------------------------------------
 * Responses, taken apart.
 */

/* The records of one section, while there is room; false at a broken one. */
static bool
response_read_section(struct response *r, unsigned section, uint16_t told)
{
	unsigned n = section == SECTION_ANSWER ? 0 : r->ends[section - 1];

	for (; told > 0 && n < RECORDS_MAX; told--, n++) {
		struct record *record = &r->records[n];

		if (!read_record(&r->message, record))
			break;
		r->types |= type_bit(record->type);
		if (record->type == TYPE_OPT && section == SECTION_ADDITIONAL)
			(void)read_edns(&r->message, record, &r->edns);
	}
	for (; section < SECTIONS; section++)
		r->ends[section] = n;
	return told == 0 || n == RECORDS_MAX;
}

/* One question; or none, if the server says that it could not read ours. */
static bool
response_read_question(struct response *r)
{
	r->question.name.len = 0;
	r->question.type = r->question.class = 0;
	if (r->header.questions == 0)
		return header_rcode(&r->header) == RCODE_FORMERR ||
		    header_rcode(&r->header) == RCODE_NOTIMP;
	return r->header.questions == 1 &&
	    read_question(&r->message, &r->question);
}

/*
 * Octets behind the last record: the counts are wrong, so that a record may
 * have come to lie in another section, or none.  An error has no contents, and
 * who could not read the query may have copied what there was of it.
 */
static bool
response_is_miscounted(const struct response *r)
{
	return r->message.at < r->message.len &&
	    r->ends[SECTION_ADDITIONAL] < RECORDS_MAX &&
	    (header_rcode(&r->header) == RCODE_NOERROR ||
		header_rcode(&r->header) == RCODE_NXDOMAIN);
}

bool
response_parse(struct response *r, const uint8_t *octets, size_t len)
{
	reader_init(&r->message, octets, len);
	memset(&r->edns, 0, sizeof(r->edns));
	memset(r->ends, 0, sizeof(r->ends));
	r->types = type_bit(TYPE_ANY);
	if (!read_header(&r->message, &r->header) || !response_read_question(r))
		return false;
	return (response_read_section(r, SECTION_ANSWER, r->header.answers) &&
		   response_read_section(
		       r, SECTION_AUTHORITY, r->header.authorities) &&
		   response_read_section(
		       r, SECTION_ADDITIONAL, r->header.additionals) &&
		   !response_is_miscounted(r)) ||
	    header_is(&r->header, FLAG_TC);
}

const struct record *
records_find(struct records_left *s, const struct name *owner, uint16_t type)
{
	while (s->at < s->end) {
		const struct record *record = &s->of->records[s->at++];

		if ((record->type == type || type == TYPE_ANY) &&
		    record->class == CLASS_IN &&
		    (owner == NULL || name_equal(&record->owner, owner)))
			return record;
	}
	return NULL;
}

struct reader
record_rdata(const struct response *r, const struct record *record)
{
	struct reader rdata = r->message;

	rdata.failed = false;
	rdata.at = record->rdata_at;
	return rdata;
}

/* ---------------------------------------------------------------------------
 * Writing.
 */

static inline uint8_t *
octets_add(struct writer *w, size_t n)
{
	uint8_t *octets;

	assert(w->len <= w->max);
	if (w->failed || n > w->max - w->len) {
		w->failed = true;
		return NULL;
	}
	octets = w->base + w->len;
	w->len += n;
	return octets;
}

static inline void
u16_to(uint8_t *b, uint16_t value)
{
	b[0] = (uint8_t)(value >> 8);
	b[1] = (uint8_t)value;
}

static inline void
u32_to(uint8_t *b, uint32_t value)
{
	u16_to(b, (uint16_t)(value >> 16));
	u16_to(b + 2, (uint16_t)value);
}

void
write_bytes(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *to = octets_add(w, n);

	if (to != NULL && n > 0)
		memcpy(to, bytes, n);
}

void
write_u8(struct writer *w, uint8_t value)
{
	uint8_t *to = octets_add(w, 1);

	if (to != NULL)
		*to = value;
}

void
write_u16(struct writer *w, uint16_t value)
{
	uint8_t *to = octets_add(w, 2);

	if (to != NULL)
		u16_to(to, value);
}

void
write_u32(struct writer *w, uint32_t value)
{
	uint8_t *to = octets_add(w, 4);

	if (to != NULL)
		u32_to(to, value);
}

void
write_u16_at(struct writer *w, size_t at, uint16_t value)
{
	if (w->failed)
		return;
	assert(w->len >= 2 && at <= w->len - 2);
	u16_to(w->base + at, value);
}

void
write_back_to(struct writer *w, size_t mark)
{
	assert(mark <= w->len);
	w->len = mark;
	w->failed = false;
	if (w->names == NULL)
		return;
	if (w->names->first >= mark)
		w->names->first = 0;
	if (w->names->begun)
		names_forget(w->names, mark);
}

static inline void
header_to(uint8_t *b, const struct header *h)
{
	u16_to(b, h->id);
	u16_to(b + 2, h->flags);
	u16_to(b + 4, h->questions);
	u16_to(b + 6, h->answers);
	u16_to(b + 8, h->authorities);
	u16_to(b + 10, h->additionals);
}

void
write_header(struct writer *w, const struct header *h)
{
	uint8_t *to = octets_add(w, HEADER_LEN);

	if (to != NULL)
		header_to(to, h);
}

void
write_header_again(struct writer *w, const struct header *h)
{
	if (w->failed)
		return;
	assert(w->len >= HEADER_LEN);
	header_to(w->base, h);
}

/* No other name stands before it, to which it could point. */
void
write_question(struct writer *w, const struct question *q)
{
	size_t at = w->len, len = q->name.len;
	uint8_t *to = octets_add(w, len + 4);

	if (to == NULL)
		return;
	memcpy(to, q->name.wire, len);
	u16_to(to + len, q->type);
	u16_to(to + len + 2, q->class);
	first_remember(w, &q->name, at);
}

/* One that may be compressed: if at all it is the first field or the second. */
static bool
has_name(const char *shape)
{
	return shape[0] == 'N' || (shape[0] != '\0' && shape[1] == 'N');
}

/*
 * Up to the last name that may be compressed there are only such names and
 * fixed fields; from there on the octets go out as they are.
 */
void
write_rdata(struct writer *w, uint16_t type, struct reader *rdata)
{
	const char *field = type_shape(type);
	size_t mark = w->len;
	struct name name;

	write_u16(w, 0);
	for (; has_name(field); field++)
		if (*field != 'N')
			copy_bytes(rdata, field_octets(*field), w);
		else if (read_name(rdata, &name))
			write_name(w, &name);
	assert(strchr(field, 'N') == NULL);
	copy_bytes(rdata, rdata->len - rdata->at, w);
	assert(!rdata->failed); /* read_rdata saw to it */
	write_length_at(w, mark);
	write_whole(w, mark);
}

/* What stands before the rdata, and room for so much of it; NULL: none. */
static inline uint8_t *
record_add(struct writer *w, const struct record_head *h, size_t rdata)
{
	size_t first = h->owner_first ? w->names->first : 0;
	uint8_t *to;

	assert(!h->owner_first || h->owner->len > root.len);
	if (first == 0)
		write_name(w, h->owner);
	to = octets_add(w, (first == 0 ? 8 : 10) + rdata);
	if (to == NULL)
		return NULL;
	if (first != 0) {
		u16_to(to, (uint16_t)(POINTER_TAG | first));
		to += 2;
	}
	u16_to(to, h->type);
	u16_to(to + 2, h->class);
	u32_to(to + 4, h->ttl_s);
	return to + 8;
}

void
write_rr(struct writer *w, const struct record_head *h, struct reader *rdata)
{
	size_t mark = w->len;

	(void)record_add(w, h, 0);
	write_rdata(w, h->type, rdata);
	write_whole(w, mark);
}

/* Without a name that may be compressed it goes out as it is stored. */
static inline void
write_stored(
    struct writer *w, const struct record_head *h, struct reader *stored)
{
	const uint8_t *prefix = octets_take(stored, 2);
	size_t mark = w->len, len = prefix == NULL ? 0 : u16_of(prefix);
	const uint8_t *rdata = octets_take(stored, len);
	uint8_t *to = record_add(w, h, 2 + len);

	assert(rdata != NULL);
	if (to != NULL)
		memcpy(to, prefix, 2 + len);
	else
		w->len = mark;
}

static SELDOM void
write_stored_names(
    struct writer *w, const struct record_head *h, struct reader *stored)
{
	struct reader rdata = read_stored(stored);

	write_rr(w, h, &rdata);
}

void
write_rrset(struct writer *w, const struct record_head *h, unsigned count,
    struct reader *stored)
{
	bool plain = !has_name(type_shape(h->type));

	for (; count > 0; count--)
		if (plain)
			write_stored(w, h, stored);
		else
			write_stored_names(w, h, stored);
}

void
write_opt(struct writer *w, const struct edns *edns, const struct reason *why,
    size_t why_count)
{
	size_t mark = w->len, rdata, i;
	uint8_t *to = octets_add(w, 11);

	if (to == NULL)
		return;
	to[0] = 0; /* of the root */
	u16_to(to + 1, TYPE_OPT);
	u16_to(to + 3, edns->udp_max);
	to[5] = edns->rcode_high;
	to[6] = edns->version;
	u16_to(to + 7, edns->dnssec_ok ? EDNS_DO : 0);
	rdata = w->len - 2;
	if (edns->keepalive) {
		write_u16(w, OPTION_KEEPALIVE);
		write_u16(w, 2);
		write_u16(w, edns->idle_100ms);
	}
	if (edns->cookie_len > 0) {
		write_u16(w, OPTION_COOKIE);
		write_u16(w, edns->cookie_len);
		write_bytes(w, edns->cookie, edns->cookie_len);
	}
	for (i = 0; i < why_count; i++)
		if (why[i].ede != EDE_NONE)
			write_reason(w, &why[i]);
	write_length_at(w, rdata);
	write_whole(w, mark);
}

/* RFC 8914 2; the text is not NUL-ended there. */
static void
write_reason(struct writer *w, const struct reason *why)
{
	size_t option;

	write_u16(w, OPTION_EDE);
	option = w->len;
	write_u16(w, 0);
	write_u16(w, why->ede);
	write_bytes(w, why->text, strlen(why->text));
	write_length_at(w, option);
}

/* Put at `at` how many octets were written after it. */
static void
write_length_at(struct writer *w, size_t at)
{
	size_t len = w->len - at - 2;

	if (!w->failed && len > UINT16_MAX)
		w->failed = true;
	write_u16_at(w, at, (uint16_t)len);
}

/* A write of many parts that failed at one of them adds none. */
static void
write_whole(struct writer *w, size_t mark)
{
	if (w->failed)
		w->len = mark;
}

/* ---------------------------------------------------------------------------
 * Compression.  Most names are the one that stands first, the question's.  The
 * first other one begins the table: a slot leads to where a suffix of a name
 * stands; the suffix one label shorter is always found before it.  So a suffix
 * stands at an offset if its first label does, and what follows that is the
 * shorter one or a pointer to it: every octet of a name is compared once a
 * probe, and none is believed.  Letters must be equal as written, to keep
 * their case.
 */

/* The name stands there now: others can point to it, if it is the first. */
static void
first_remember(struct writer *w, const struct name *name, size_t at)
{
	if (w->names == NULL || w->names->first != 0 || name->len == root.len ||
	    at > POINTER_TARGET_MAX)
		return;
	w->names->first = (uint16_t)at;
	w->names->begun = false;
}

void
write_name(struct writer *w, const struct name *name)
{
	size_t at = w->len;

	assert(name->len > 0 && name->wire[name->len - 1] == 0);
	if (w->failed)
		return; /* the first name may be set back, too */
	if (w->names == NULL || name->len == root.len) {
		write_bytes(w, name->wire, name->len);
	} else if (w->names->first == 0) {
		write_bytes(w, name->wire, name->len);
		if (!w->failed)
			first_remember(w, name, at);
	} else if (first_is(w, name)) {
		write_pointer(w, w->names->first);
	} else {
		write_compressed(w, name);
	}
}

static bool
first_is(const struct writer *w, const struct name *name)
{
	size_t first = w->names->first;

	return name->len <= w->len - first &&
	    memcmp(w->base + first, name->wire, name->len) == 0;
}

static void
write_pointer(struct writer *w, size_t target)
{
	assert(target > 0 && target <= POINTER_TARGET_MAX);
	write_u16(w, (uint16_t)(POINTER_TAG | target));
}

/* Its suffixes, the first name's, are the first in the table. */
static void
table_begin(struct writer *w)
{
	struct suffix suffixes[LABELS_MAX];
	struct reader r;
	struct name first;
	size_t count;

	w->names->begun = true;
	w->names->count = 0;
	memset(w->names->offsets, 0, sizeof(w->names->offsets));
	reader_init(&r, w->base, w->len);
	r.at = w->names->first;
	(void)read_name(&r, &first); /* as it was written */
	count = name_suffixes(&first, suffixes);
	suffixes_remember(w, suffixes, count, w->names->first);
}

/* With a pointer to its longest suffix that stands already. */
static void
write_compressed(struct writer *w, const struct name *name)
{
	struct suffix suffixes[LABELS_MAX];
	size_t count, known, found, mark = w->len, target = 0;

	if (!w->names->begun)
		table_begin(w);
	count = name_suffixes(name, suffixes);
	for (known = count; known > 0; known--) {
		const struct suffix *s = &suffixes[known - 1];

		found = suffix_find(w, name->wire + s->at, s->slot, target);
		if (found == 0)
			break;
		target = found;
	}
	if (target == 0) {
		write_bytes(w, name->wire, name->len);
	} else {
		write_bytes(w, name->wire, suffixes[known].at);
		write_pointer(w, target);
	}
	write_whole(w, mark);
	suffixes_remember(w, suffixes, known, mark);
}

/* The first n suffixes of the name at this offset, the shortest first. */
static void
suffixes_remember(
    struct writer *w, const struct suffix *suffixes, size_t n, size_t name_at)
{
	while (!w->failed && n-- > 0)
		if (!suffix_remember(
			w, suffixes[n].slot, name_at + suffixes[n].at))
			break;
}

/* Where the labels of a name begin, with a hash of the name from each on. */
static size_t
name_suffixes(const struct name *name, struct suffix suffixes[LABELS_MAX])
{
	size_t count = 0, at, i;
	uint32_t hash = 0x811c9dc5; /* FNV-1a, from the end on */

	for (at = 0; name->wire[at] != 0; at += 1u + name->wire[at])
		suffixes[count++].at = (uint8_t)at;
	for (i = count; i-- > 0;) {
		while (at > suffixes[i].at)
			hash = (hash ^ name->wire[--at]) * 0x01000193;
		suffixes[i].slot = (uint8_t)(hash >> 24);
	}
	return count;
}

static size_t
suffix_find(
    const struct writer *w, const uint8_t *label, uint8_t slot, size_t parent)
{
	unsigned probe;

	for (probe = 0; probe < SLOT_PROBES_MAX; probe++) {
		size_t at = w->names->offsets[(uint8_t)(slot + probe)];

		if (at != 0 && at < w->len &&
		    suffix_stands(w, at, label, parent))
			return at;
	}
	return 0;
}

/* Does this label stand at that offset, and the parent (0: root) after it? */
static bool
suffix_stands(
    const struct writer *w, size_t at, const uint8_t *label, size_t parent)
{
	struct reader r;
	const uint8_t *there;

	reader_init(&r, w->base, w->len);
	r.at = at;
	there = read_bytes(&r, 1u + *label);
	if (there == NULL || memcmp(there, label, 1u + *label) != 0)
		return false;
	if (parent != 0 && r.at == parent)
		return true;
	if (parent == 0)
		return read_u8(&r) == 0 && !r.failed;
	return read_u16(&r) == (POINTER_TAG | parent);
}

static bool
suffix_remember(struct writer *w, uint8_t slot, size_t at)
{
	struct compressor *names = w->names;
	unsigned probe;

	assert(at >= HEADER_LEN && at < w->len);
	if (at > POINTER_TARGET_MAX || names->count == NAMES_REMEMBERED)
		return false;
	for (probe = 0; probe < SLOT_PROBES_MAX; probe++) {
		uint16_t *offset = &names->offsets[(uint8_t)(slot + probe)];

		if (*offset != 0)
			continue;
		*offset = (uint16_t)at;
		names->count++;
		return true;
	}
	return false;
}

/* What stood at the mark or after it stands there no more. */
static void
names_forget(struct compressor *names, size_t mark)
{
	unsigned slot;

	for (slot = 0; slot < 256; slot++)
		if (names->offsets[slot] != 0 && names->offsets[slot] >= mark) {
			names->offsets[slot] = 0;
			names->count--;
		}
}

/* ---------------------------------------------------------------------------
 * Names.  RFC 4343 3: the letters A to Z are equal to a to z, and no other
 * octets are equal that differ.  Length octets are below the letters.
 */

bool
name_equal(const struct name *a, const struct name *b)
{
	return a->len == b->len && octets_equal(a->wire, b->wire, a->len);
}

bool
name_within(const struct name *name, const struct name *zone)
{
	size_t at = 0, above;

	assert(name->len > 0 && zone->len > 0);
	if (name->len < zone->len)
		return false;
	above = (size_t)name->len - zone->len;
	while (at < above)
		at += 1u + name->wire[at];
	return at == above &&
	    octets_equal(name->wire + above, zone->wire, zone->len);
}

/* Of eight or more, the last eight may have some that were compared. */
static bool
octets_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t at;

	for (at = 0; at + 8 <= n; at += 8)
		if (!words_equal(load_u64(a + at), load_u64(b + at)))
			return false;
	if (n >= 8)
		return words_equal(load_u64(a + n - 8), load_u64(b + n - 8));
	for (at = 0; at < n; at++)
		if (a[at] != b[at] && fold_u8(a[at]) != fold_u8(b[at]))
			return false;
	return true;
}

/* As nearly always they are, or are not, as they are spelled. */
static inline bool
words_equal(uint64_t a, uint64_t b)
{
	return a == b || fold_u64(a) == fold_u64(b);
}

static const uint64_t each_octet = 0x0101010101010101;

/*
 * Of eight octets, the bit of each letter of one case in which it differs from
 * the other.  In each octet, bit 7 of a sum of the other seven bits tells
 * whether these reach a bound; no sum carries into the next octet.
 */
static inline uint64_t
case_bits(uint64_t octets, uint8_t a, uint8_t z)
{
	uint64_t low = octets & 0x7f * each_octet;
	uint64_t from_a = low + (0x80u - a) * each_octet;
	uint64_t beyond_z = low + (0x80u - z - 1) * each_octet;

	return (from_a & ~beyond_z & ~octets & 0x80 * each_octet) >> 2;
}

/* In lower case. */
static uint64_t
fold_u64(uint64_t octets)
{
	return octets | case_bits(octets, 'A', 'Z');
}

/* Of letters in either case: lengths of labels are below them all. */
static inline uint64_t
letter_bits(uint64_t octets)
{
	return case_bits(octets | 0x20 * each_octet, 'a', 'z');
}

void
name_spell(struct name *name, uint64_t bits)
{
	uint8_t *octet = name->wire, *end = octet + name->len;
	uint64_t word;

	for (; end - octet >= 8; octet += 8) {
		memcpy(&word, octet, sizeof(word));
		word ^= bits & letter_bits(word);
		memcpy(octet, &word, sizeof(word));
		bits = rotate(bits, 1);
	}
	for (; octet < end; octet++) {
		*octet ^= (uint8_t)(bits & letter_bits(*octet));
		bits = rotate(bits, 8);
	}
}

static uint8_t
fold_u8(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

static inline uint64_t
load_u64(const uint8_t *b)
{
	uint64_t octets;

	memcpy(&octets, b, sizeof(octets));
	return le64toh(octets);
}

void
name_fold(const struct name *name, struct name *folded)
{
	size_t i;

	for (i = 0; i < name->len; i++)
		folded->wire[i] = fold_u8(name->wire[i]);
	folded->len = name->len;
}

size_t
name_labels(const struct name *name)
{
	size_t at, labels = 0;

	assert(name->len > 0);
	for (at = 0; name->wire[at] != 0; at += 1u + name->wire[at])
		labels++;
	return labels;
}

void
name_parent(const struct name *name, size_t labels, struct name *parent)
{
	size_t at = 0;

	assert(name->len > 0);
	for (; labels > 0 && name->wire[at] != 0; labels--)
		at += 1u + name->wire[at];
	parent->len = (uint8_t)(name->len - at);
	memmove(parent->wire, name->wire + at, parent->len);
}

void
name_suffix(const struct name *name, size_t len, struct name *suffix)
{
	size_t at = 0;

	assert(len > 0 && len <= name->len);
	while (name->len - at > len)
		at += 1u + name->wire[at];
	assert(name->len - at == len);
	suffix->len = (uint8_t)len;
	memmove(suffix->wire, name->wire + at, len);
}

bool
name_substitute(const struct name *name, const struct name *owner,
    const struct name *target, struct name *result)
{
	assert(name->len > owner->len && name_within(name, owner));
	return name_join(
	    name->wire, (size_t)name->len - owner->len, target, result);
}

/* Some labels and then another name; false if that is too long. */
static bool
name_join(const uint8_t *labels, size_t len, const struct name *end,
    struct name *result)
{
	struct name joined;

	if (len + end->len > NAME_LEN_MAX)
		return false;
	memcpy(joined.wire, labels, len);
	memcpy(joined.wire + len, end->wire, end->len);
	joined.len = (uint8_t)(len + end->len);
	*result = joined;
	return true;
}

/* ---------------------------------------------------------------------------
 * Hashes.  SipHash as Aumasson and Bernstein describe it, the numbers of
 * rounds, and whether letters are folded, being arguments that the compiler
 * sees.
 */

uint64_t
hash_keyed(const void *octets, size_t n, const uint8_t key[16])
{
	return siphash(octets, n, key, 1, 3, false);
}

uint64_t
name_hash(const struct name *name, const uint8_t key[16])
{
	return name_hash_at(name, 0, key);
}

uint64_t
name_hash_at(const struct name *name, size_t at, const uint8_t key[16])
{
	assert(at < name->len);
	return siphash(name->wire + at, name->len - at, key, 1, 3, true);
}

static inline uint64_t
siphash(const uint8_t *octets, size_t n, const uint8_t key[16],
    unsigned word_rounds, unsigned last_rounds, bool fold)
{
	uint64_t k0 = load_u64(key), k1 = load_u64(key + 8);
	uint64_t length = (uint64_t)n << 56, last;
	struct sip s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
	    k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
	size_t at;

	for (at = 0; at + 8 <= n; at += 8) {
		last = load_u64(octets + at);
		sip_word(&s, fold ? fold_u64(last) : last, word_rounds);
	}
	last = load_last(octets, n);
	sip_word(&s, length | (fold ? fold_u64(last) : last), word_rounds);
	s.v2 ^= 0xff;
	sip_rounds(&s, last_rounds);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* The n % 8 octets at the end; those before them may be loaded along. */
static inline uint64_t
load_last(const uint8_t *octets, size_t n)
{
	uint64_t last = 0;
	size_t left = n % 8;

	if (left == 0)
		return 0;
	if (n > 8)
		return load_u64(octets + n - 8) >> (64 - 8 * left);
	while (left > 0)
		last = last << 8 | octets[--left];
	return last;
}

static inline void
sip_word(struct sip *s, uint64_t word, unsigned rounds)
{
	s->v3 ^= word;
	sip_rounds(s, rounds);
	s->v0 ^= word;
}

static inline void
sip_rounds(struct sip *s, unsigned rounds)
{
	for (; rounds > 0; rounds--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

/* ---------------------------------------------------------------------------
 * Cookies: the client's, then a version, three reserved octets and the time
 * in four, then a hash over all of these and the client's address.
 */

enum {
	COOKIE_VERSION_AT = COOKIE_CLIENT_LEN,
	COOKIE_TIME_AT = COOKIE_VERSION_AT + 4,
	COOKIE_HASH_AT = COOKIE_TIME_AT + 4,
	COOKIE_VERSION = 1 /* RFC 9018 4.1 */
};

/* RFC 9018 4.4: SipHash-2-4, its least octet first. */
static void
cookie_hash(const uint8_t *cookie, const struct address *client,
    const uint8_t secret[16], uint8_t hash[8])
{
	uint8_t octets[COOKIE_HASH_AT + sizeof(client->ip)];
	struct writer w;
	uint64_t h;
	unsigned i;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, cookie, COOKIE_HASH_AT);
	write_bytes(&w, client->ip, address_bits(client) / 8);
	h = siphash(octets, w.len, secret, 2, 4, false);
	for (i = 0; i < 8; i++)
		hash[i] = (uint8_t)(h >> 8 * i);
}

void
cookie_renew(struct edns *edns, const struct address *client, uint32_t now_s,
    const uint8_t secret[16])
{
	struct writer w;

	assert(edns->cookie_len >= COOKIE_CLIENT_LEN);
	writer_init(&w, edns->cookie, COOKIE_LEN);
	w.len = COOKIE_VERSION_AT;
	write_u32(&w, (uint32_t)COOKIE_VERSION << 24);
	write_u32(&w, now_s);
	cookie_hash(edns->cookie, client, secret, edns->cookie + w.len);
	edns->cookie_len = COOKIE_LEN;
}

/*
 * Reserved octets may be anything that the hash is over (RFC 9018 4.2).  How
 * many octets of a forged one are right must not show in the time this takes.
 */
bool
cookie_is_ours(const struct edns *edns, const struct address *client,
    uint32_t now_s, const uint8_t secret[16])
{
	uint8_t hash[8], differing = 0;
	struct reader r;
	uint32_t age_s;
	unsigned i;

	if (edns->cookie_len != COOKIE_LEN ||
	    edns->cookie[COOKIE_VERSION_AT] != COOKIE_VERSION)
		return false;
	reader_init(&r, edns->cookie, COOKIE_LEN);
	r.at = COOKIE_TIME_AT;
	age_s = now_s - read_u32(&r); /* RFC 9018 4.3: it may wrap */
	if (age_s > COOKIE_PAST_S && 0 - age_s > COOKIE_FUTURE_S)
		return false;
	cookie_hash(edns->cookie, client, secret, hash);
	for (i = 0; i < sizeof(hash); i++)
		differing |= hash[i] ^ edns->cookie[COOKIE_HASH_AT + i];
	return differing == 0;
}

void
cookie_secrets_roll(
    struct cookie_secrets *s, const uint8_t fresh[16], uint64_t now_ms)
{
	if (s->until_ms > 0) {
		memcpy(s->before, s->now, sizeof(s->before));
		s->before_until_ms = now_ms + COOKIE_PAST_S * UINT64_C(1000);
	}
	memcpy(s->now, fresh, sizeof(s->now));
	s->until_ms = now_ms + COOKIE_SECRET_S * UINT64_C(1000);
}

bool
cookie_is_of(const struct cookie_secrets *s, const struct edns *edns,
    const struct address *client, uint32_t now_s, uint64_t now_ms)
{
	return cookie_is_ours(edns, client, now_s, s->now) ||
	    (now_ms < s->before_until_ms &&
		cookie_is_ours(edns, client, now_s, s->before));
}

/* ---------------------------------------------------------------------------
 * Text of names and numbers.
 */

const char *
name_text(const struct name *name, char text[NAME_TEXT_MAX])
{
	char *out = text;
	size_t at, i;

	if (name->len == root.len)
		*out++ = '.';
	for (at = 0; at + 1 < name->len; at += 1u + name->wire[at]) {
		for (i = 1; i <= name->wire[at]; i++)
			out = octet_to_text(
			    name->wire[at + i], '!', ".;\\\"()@$", out);
		*out++ = '.';
	}
	*out = '\0';
	return text;
}

/* As a number unless it is printable and at least that. */
static char *
octet_to_text(uint8_t octet, uint8_t least, const char *special, char *text)
{
	if (octet < least || octet > '~') {
		*text++ = '\\';
		*text++ = (char)('0' + octet / 100);
		*text++ = (char)('0' + octet / 10 % 10);
		*text++ = (char)('0' + octet % 10);
		return text;
	}
	if (strchr(special, octet) != NULL)
		*text++ = '\\';
	*text++ = (char)octet;
	return text;
}

bool
name_from_text(
    const char *text, size_t len, const struct name *origin, struct name *name)
{
	struct name labels = {.len = 0};
	bool absolute;

	if (len == 1 && (*text == '@' || *text == '.')) {
		*name = *text == '@' ? *origin : root;
		return true;
	}
	if (labels_from_text(text, text + len, &labels, &absolute) &&
	    name_join(labels.wire, labels.len, absolute ? &root : origin, name))
		return true;
	name->len = 0;
	return false;
}

/* What the origin or the root is appended to; false if it is no name. */
static bool
labels_from_text(
    const char *text, const char *end, struct name *name, bool *absolute)
{
	*absolute = false;
	while (text < end) {
		if (!label_from_text(&text, end, name))
			return false;
		*absolute = text < end;
		if (*absolute)
			text++;
	}
	return name->len > 0;
}

/* Append the label that ends at a dot or at the end; there must be one. */
static bool
label_from_text(const char **text, const char *end, struct name *name)
{
	uint8_t label[LABEL_LEN_MAX], len = 0;

	while (*text < end && **text != '.') {
		if (len == LABEL_LEN_MAX ||
		    !octet_from_text(text, end, &label[len]))
			return false;
		len++;
	}
	return len > 0 && name_append(name, label, len);
}

/* One octet of a label, however it is spelled; the text moves past it. */
static bool
octet_from_text(const char **text, const char *end, uint8_t *octet)
{
	unsigned number;

	if (**text == '\\') {
		if (++*text == end)
			return false;
		if (**text >= '0' && **text <= '9') {
			if (end - *text < 3 ||
			    !number_from_text(*text, 3, UINT8_MAX, &number))
				return false;
			*octet = (uint8_t)number;
			*text += 3;
			return true;
		}
	}
	*octet = (uint8_t) * *text;
	++*text;
	return true;
}

/* Digits only; false if there is none or the number is beyond max. */
static bool
number_from_text(const char *text, size_t len, unsigned max, unsigned *number)
{
	size_t i;

	*number = 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*number = *number * 10 + (unsigned)(text[i] - '0');
		if (*number > max)
			return false;
	}
	return len > 0;
}

const char *
type_text(uint16_t type, char text[TYPE_TEXT_MAX])
{
	if (type < TYPES && types[type].mnemonic[0] != '\0')
		memcpy(text, types[type].mnemonic, sizeof(types->mnemonic));
	else
		snprintf(text, TYPE_TEXT_MAX, "TYPE%u", (unsigned)type);
	return text;
}

bool
type_from_text(const char *text, uint16_t *type)
{
	unsigned number;

	for (number = 1; number < TYPES; number++)
		if (strcasecmp(text, types[number].mnemonic) == 0 &&
		    text[0] != '\0') {
			*type = (uint16_t)number;
			return true;
		}
	if (strncasecmp(text, "TYPE", 4) != 0 ||
	    !number_from_text(text + 4, strlen(text + 4), UINT16_MAX, &number))
		return false;
	*type = (uint16_t)number;
	return true;
}

const char *
rcode_text(uint8_t rcode)
{
	if (rcode >= sizeof(rcodes) / sizeof(rcodes[0]) ||
	    rcodes[rcode] == NULL)
		return "UNKNOWN";
	return rcodes[rcode];
}

/* ---------------------------------------------------------------------------
 * Text of records (RFC 1035 5.1): words with something between them.  Rdata
 * that does not have the shape of its type fails the reader.
 */

static void
write_text(struct writer *w, const char *text)
{
	write_bytes(w, text, strlen(text));
}

static struct writer *
word_begin(const struct words *words)
{
	if (words->to->len > words->start)
		write_u8(words->to, (uint8_t)words->between);
	return words->to;
}

static void
word_add(const struct words *words, const char *word)
{
	write_text(word_begin(words), word);
}

static void
word_add_number(const struct words *words, uint32_t number)
{
	char text[sizeof("4294967295")];

	snprintf(text, sizeof(text), "%u", (unsigned)number);
	word_add(words, text);
}

static void
word_add_type(const struct words *words, uint16_t type)
{
	char text[TYPE_TEXT_MAX];

	word_add(words, type_text(type, text));
}

/* In quotes, where a blank is one. */
static void
word_add_string(const struct words *words, const uint8_t *octets, size_t n)
{
	struct writer *w = word_begin(words);
	size_t i;

	write_text(w, "\"");
	for (i = 0; i < n; i++) {
		char text[4];
		char *end = octet_to_text(octets[i], ' ', "\"\\", text);

		write_bytes(w, text, (size_t)(end - text));
	}
	write_text(w, "\"");
}

/* Octets in digits of so many bits: RFC 4648 8, 7 or 4. */
static void
word_add_digits(
    const struct words *words, const uint8_t *octets, size_t n, unsigned bits)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
	static const char digits64[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *of = bits == 6 ? digits64 : digits;
	unsigned left = 0, left_bits = 0, mask = (1u << bits) - 1;
	struct writer *w = word_begin(words);
	size_t i;

	for (i = 0; i < n; i++) {
		left = left << 8 | octets[i];
		left_bits += 8;
		while (left_bits >= bits) {
			left_bits -= bits;
			write_u8(w, (uint8_t)of[left >> left_bits & mask]);
		}
	}
	if (left_bits > 0)
		write_u8(w, (uint8_t)of[left << (bits - left_bits) & mask]);
	for (; bits == 6 && i % 3 != 0; i++)
		write_text(w, "=");
}

static void
word_add_address(const struct words *words, uint8_t family, struct reader *in)
{
	struct address a;
	char text[ADDRESS_TEXT_MAX];

	read_address(in, family, &a);
	if (!in->failed)
		word_add(words, address_text(&a, text));
}

static void
word_add_name(const struct words *words, struct reader *in)
{
	char text[NAME_TEXT_MAX];
	struct name name;

	if (read_name(in, &name))
		word_add(words, name_text(&name, text));
}

/* RFC 4034 3.2. */
static void
word_add_time(const struct words *words, time_t at_s)
{
	char text[sizeof("YYYYMMDDhhmmss")] = "";
	struct tm tm;

	if (gmtime_r(&at_s, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
	word_add(words, text);
}

/* A string that needs no quotes, not even in a list. */
static void
word_add_bare(const struct words *words, const uint8_t *octets, size_t n,
    struct reader *in)
{
	size_t i;

	in->failed = n == 0;
	for (i = 0; i < n; i++)
		in->failed |= octets[i] <= ' ' || octets[i] > '~' ||
		    strchr("\"\\,;()@$", octets[i]) != NULL;
	write_bytes(word_begin(words), octets, n);
}

/* Digits of nothing are no word; but there may be no salt: RFC 5155 3.3. */
static void
words_add_octets(
    const struct words *words, char field, size_t n, struct reader *in)
{
	const uint8_t *octets = read_bytes(in, n);
	unsigned bits = field == 'B' ? 6 : field == 'o' ? 5 : 4;

	if (octets == NULL)
		return;
	if (field == 's' || field == 'Q')
		word_add_string(words, octets, n);
	else if (field == 'u')
		word_add_bare(words, octets, n, in);
	else if (n > 0)
		word_add_digits(words, octets, n, bits);
	else if (field == 'x')
		word_add(words, "-");
	else
		in->failed = true;
}

/* RFC 4034 4.1.2: of each window of 256 types as many bits as it needs. */
static void
words_add_types(const struct words *words, struct reader *in)
{
	while (in->at < in->len && !in->failed) {
		unsigned window = read_u8(in), n = read_u8(in), i;
		const uint8_t *bits = read_bytes(in, n);

		in->failed |= n == 0 || n > 256 / 8;
		for (i = 0; !in->failed && i < 8 * n; i++)
			if (bits[i / 8] & 0x80 >> i % 8)
				word_add_type(
				    words, (uint16_t)(window << 8 | i));
	}
}

/* RFC 9460 7, 9461 5: the value has this shape, or (+) is a list of such. */
static const struct parameter {
	char name[16], shape[3];
} parameters[] = {
    {"mandatory", "k+"},
    {"alpn", "u+"},
    {"no-default-alpn", ""},
    {"port", "2"},
    {"ipv4hint", "a+"},
    {"ech", "B"},
    {"ipv6hint", "A+"},
    {"dohpath", "Q"},
};

enum {
	PARAMETERS = sizeof(parameters) / sizeof(parameters[0])
};

static void
word_add_parameter_name(const struct words *words, uint16_t key)
{
	char text[sizeof("key65535")];

	if (key < PARAMETERS) {
		word_add(words, parameters[key].name);
		return;
	}
	snprintf(text, sizeof(text), "key%u", (unsigned)key);
	word_add(words, text);
}

/* False if these octets are no such value. */
static bool
word_add_parameter(const struct words *words, const struct parameter *p,
    const uint8_t *octets, size_t n)
{
	struct words values = {.to = words->to, .between = ','};
	struct reader in;

	word_add(words, p->name);
	if (p->shape[0] == '\0')
		return n == 0;
	write_text(values.to, "=");
	values.start = values.to->len;
	reader_init(&in, octets, n);
	do
		words_add_field(&values, p->shape[0], &in);
	while (p->shape[1] == '+' && in.at < in.len && !in.failed);
	return !in.failed && in.at == in.len;
}

/* RFC 9460 2.1: keyN can have any value. */
static void
words_add_parameters(const struct words *words, struct reader *in)
{
	while (in->at < in->len && !in->failed && !words->to->failed) {
		size_t mark = words->to->len;
		uint16_t key = read_u16(in), n = read_u16(in);
		const uint8_t *octets = read_bytes(in, n);
		struct words value = {.to = words->to};
		char name[sizeof("key65535=")];

		if (octets == NULL ||
		    (key < PARAMETERS &&
			word_add_parameter(words, &parameters[key], octets, n)))
			continue;
		write_back_to(words->to, mark);
		snprintf(name, sizeof(name), "key%u=", (unsigned)key);
		word_add(words, name);
		value.start = words->to->len;
		word_add_string(&value, octets, n);
	}
}

static void
words_add_field(const struct words *words, char field, struct reader *in)
{
	switch (field) {
	case '1':
		word_add_number(words, read_u8(in));
		break;
	case '2':
		word_add_number(words, read_u16(in));
		break;
	case '4':
		word_add_number(words, read_u32(in));
		break;
	case 'd':
		word_add_time(words, read_u32(in));
		break;
	case 'w':
		word_add_type(words, read_u16(in));
		break;
	case 'k':
		word_add_parameter_name(words, read_u16(in));
		break;
	case 'a':
	case 'A':
		word_add_address(words, field == 'a' ? 4 : 6, in);
		break;
	case 'N':
	case 'n':
		word_add_name(words, in);
		break;
	case 't':
		do
			words_add_octets(words, 's', read_u8(in), in);
		while (in->at < in->len && !in->failed);
		break;
	case 's':
	case 'u':
	case 'x':
	case 'o':
		words_add_octets(words, field, read_u8(in), in);
		break;
	case 'T':
		words_add_types(words, in);
		break;
	case 'P':
		words_add_parameters(words, in);
		break;
	case 'Q':
	case 'X':
	case 'B':
		words_add_octets(words, field, in->len - in->at, in);
		break;
	default: /* nobody has agreed on a text for it */
		in->failed = true;
	}
}

/* RFC 3597 5. */
static void
write_generic_text(struct writer *w, struct reader *rdata)
{
	const struct words words = {.to = w, .start = w->len, .between = ' '};
	size_t n = rdata->len - rdata->at;

	word_add(&words, "\\#");
	word_add_number(&words, (uint32_t)n);
	if (n > 0)
		words_add_octets(&words, 'X', n, rdata);
}

void
write_rdata_text(struct writer *w, uint16_t type, struct reader *rdata)
{
	const struct words words = {.to = w, .start = w->len, .between = ' '};
	struct reader in = *rdata;
	const char *field;

	if (w->failed)
		return;
	for (field = type_shape(type); *field != '\0'; field++)
		words_add_field(&words, *field, &in);
	if (!in.failed && in.at == in.len && !w->failed)
		return;
	write_back_to(w, words.start);
	write_generic_text(w, rdata);
}

void
write_record_text(struct writer *w, const struct name *owner, uint32_t ttl_s,
    uint16_t type, struct reader *rdata)
{
	const struct words words = {.to = w, .start = w->len, .between = ' '};
	size_t mark = w->len;
	char text[NAME_TEXT_MAX];

	word_add(&words, name_text(owner, text));
	word_add_number(&words, ttl_s);
	word_add(&words, "IN");
	word_add_type(&words, type);
	write_text(w, " ");
	write_rdata_text(w, type, rdata);
	write_whole(w, mark);
}

/* ---------------------------------------------------------------------------
 * Addresses.
 */

const char *
address_text(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	inet_ntop(address_domain(a), a->ip, text, ADDRESS_TEXT_MAX);
	return text;
}

const char *
address_port_text(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	char ip[ADDRESS_TEXT_MAX];

	snprintf(text, ADDRESS_TEXT_MAX, a->family == 4 ? "%s:%u" : "[%s]:%u",
	    address_text(a, ip), (unsigned)a->port);
	return text;
}

const char *
address_server_text(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	return a->port == 0 || a->port == DNS_PORT ? address_text(a, text)
						   : address_port_text(a, text);
}

static int
address_domain(const struct address *a)
{
	assert(a->family == 4 || a->family == 6);
	return a->family == 4 ? AF_INET : AF_INET6;
}

bool
address_from_text(const char *text, struct address *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, a->ip) == 1)
		a->family = 4;
	else if (inet_pton(AF_INET6, text, a->ip) == 1)
		a->family = 6;
	return a->family != 0;
}

bool
prefix_from_text(const char *text, struct prefix *p)
{
	char ip[ADDRESS_TEXT_MAX];
	size_t ip_len = strcspn(text, "/");
	unsigned bits;

	if (ip_len >= sizeof(ip))
		return false;
	memcpy(ip, text, ip_len);
	ip[ip_len] = '\0';
	if (!address_from_text(ip, &p->address))
		return false;
	bits = address_bits(&p->address);
	if (text[ip_len] == '/' &&
	    !number_from_text(
		text + ip_len + 1, strlen(text + ip_len + 1), bits, &bits))
		return false;
	p->bits = (uint8_t)bits;
	return true;
}

static unsigned
address_bits(const struct address *a)
{
	return a->family == 4 ? 32 : 128;
}

bool
address_is_any(const struct address *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

bool
prefix_covers(const struct prefix *p, const struct address *a)
{
	size_t whole = p->bits / 8u, i;
	unsigned mask = 0xff00u >> p->bits % 8u & 0xff;

	if (a->family != p->address.family)
		return false;
	assert(p->bits <= address_bits(a));
	for (i = 0; i < whole; i++) /* most differ in the first octet */
		if (a->ip[i] != p->address.ip[i])
			return false;
	return mask == 0 || ((a->ip[whole] ^ p->address.ip[whole]) & mask) == 0;
}

socklen_t
address_to_sockaddr(const struct address *a, struct sockaddr_storage *storage)
{
	if (address_domain(a) == AF_INET) {
		struct sockaddr_in in = {
		    .sin_family = AF_INET, .sin_port = htons(a->port)};

		memcpy(&in.sin_addr, a->ip, sizeof(in.sin_addr));
		memcpy(storage, &in, sizeof(in));
		return sizeof(in);
	} else {
		struct sockaddr_in6 in6 = {
		    .sin6_family = AF_INET6, .sin6_port = htons(a->port)};

		memcpy(&in6.sin6_addr, a->ip, sizeof(in6.sin6_addr));
		memcpy(storage, &in6, sizeof(in6));
		return sizeof(in6);
	}
}

bool
address_from_sockaddr(const struct sockaddr_storage *storage, struct address *a)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(a, 0, sizeof(*a));
	if (storage->ss_family == AF_INET) {
		memcpy(&in, storage, sizeof(in));
		a->family = 4;
		a->port = ntohs(in.sin_port);
		memcpy(a->ip, &in.sin_addr, sizeof(in.sin_addr));
	} else if (storage->ss_family == AF_INET6) {
		memcpy(&in6, storage, sizeof(in6));
		a->family = 6;
		a->port = ntohs(in6.sin6_port);
		memcpy(a->ip, &in6.sin6_addr, sizeof(in6.sin6_addr));
	}
	return a->family != 0;
}
