/*
 * check_referral.c -- what a response means, and where an alias leads.
 *
 * A response is written as text: the sections are lists of records, each an
 * owner, a type, and a name where the type has one.  It becomes a message, is
 * taken apart again, and is judged as the server for a zone would be that was
 * asked for www.sub.example.  Walks and packets have the simulator.
 */
#include "from_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	RCODE_YXRRSET = 7,
	CLASS_CH = 3,
	TTL_S = 300,
	SMALL_RECORD_LEN = 11 /* of the root, without rdata */
};

/* What is said, and what it should mean. */
struct reply {
	enum response_class is;
	const char *zone;  /* "example." if NULL */
	const char *sname; /* "www.sub.example." if NULL */
	uint16_t stype;    /* A if 0 */
	uint8_t rcode;
	bool aa, tc, opt;
	uint8_t rcode_high;
	const char *answers, *authorities, *additionals;
};

static const struct name ROOT = {.len = 1};

static struct response response;
static uint8_t octets[MESSAGE_MAX];
static struct compressor names;

static uint16_t
type_of(const char *text)
{
	uint16_t type;

	ck_assert_msg(type_from_text(text, &type), "type %s", text);
	return type;
}

/* Repeatable, and good enough to try many shapes. */
static uint32_t
random_up_to(uint32_t *state, uint32_t bound)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*state * bound >> 32);
}

/* ---------------------------------------------------------------------------
 * From text to octets.
 */

static void
write_any_rdata(struct writer *w, uint16_t type, const struct name *target)
{
	size_t at = w->len, i;

	write_u16(w, 0);
	switch (type) {
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_DNAME:
		write_name(w, target);
		break;
	case TYPE_SOA:
		write_name(w, target);
		write_name(w, target);
		for (i = 0; i < 5; i++)
			write_u32(w, TTL_S);
		break;
	case TYPE_OPT:
		break;
	default:
		write_u32(w, 0xc6336407); /* 198.51.100.7 */
	}
	write_u16_at(w, at, (uint16_t)(w->len - at - 2));
}

/* "owner [CH] TYPE [target]" */
static void
write_record(struct writer *w, const char *text)
{
	char words[4][128] = {"", "", "", ""};
	int n = sscanf(text, "%127s %127s %127s %127s", words[0], words[1],
	    words[2], words[3]);
	bool chaos = strcmp(words[1], "CH") == 0;
	int type_at = chaos ? 2 : 1;
	struct name owner, target = ROOT;
	uint16_t type;

	ck_assert_msg(n > type_at, "record %s", text);
	owner = name_of(words[0]);
	type = type_of(words[type_at]);
	if (n > type_at + 1)
		target = name_of(words[type_at + 1]);
	write_name(w, &owner);
	write_u16(w, type);
	write_u16(w, chaos ? CLASS_CH : CLASS_IN);
	write_u32(w, TTL_S);
	write_any_rdata(w, type, &target);
}

/* The records of a list that is parted by commas; how many. */
static uint16_t
write_section(struct writer *w, const char *list)
{
	char text[256];
	uint16_t n = 0;
	size_t len;

	while (list != NULL && *list != '\0') {
		len = strcspn(list, ",");
		ck_assert_uint_lt(len, sizeof(text));
		memcpy(text, list, len);
		text[len] = '\0';
		write_record(w, text);
		n++;
		list += len + (list[len] == ',');
	}
	return n;
}

static struct name
zone_of(const struct reply *r)
{
	return name_of(r->zone != NULL ? r->zone : "example.");
}

static struct name
sname_of(const struct reply *r)
{
	return name_of(r->sname != NULL ? r->sname : "www.sub.example.");
}

static uint16_t
stype_of(const struct reply *r)
{
	return r->stype != 0 ? r->stype : TYPE_A;
}

/* The whole message; its length. */
static size_t
write_reply(struct writer *w, const struct reply *r)
{
	struct edns edns = {.present = true,
	    .udp_max = UDP_EDNS_MAX,
	    .rcode_high = r->rcode_high};
	struct question question = {
	    .name = sname_of(r), .type = stype_of(r), .class = CLASS_IN};
	struct header header = {.id = 4711, .flags = FLAG_QR, .questions = 1};

	header_set(&header, FLAG_AA, r->aa);
	header_set(&header, FLAG_TC, r->tc);
	header_set_rcode(&header, r->rcode);
	write_header(w, &header);
	write_question(w, &question);
	header.answers = write_section(w, r->answers);
	header.authorities = write_section(w, r->authorities);
	header.additionals = write_section(w, r->additionals);
	if (r->opt)
		write_opt(w, &edns, NULL, 0);
	write_u16_at(w, 6, header.answers);
	write_u16_at(w, 8, header.authorities);
	write_u16_at(w, 10, (uint16_t)(header.additionals + r->opt));
	ck_assert(!w->failed);
	return w->len;
}

static enum response_class
class_of(const struct reply *r)
{
	struct name zone = zone_of(r), sname = sname_of(r);
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	ck_assert(response_parse(&response, octets, write_reply(&w, r)));
	return response_class(&response, &sname, stype_of(r), &zone);
}

static const char *
class_text(enum response_class is)
{
	static const char *const TEXTS[] = {
	    [RESPONSE_ANSWER] = "an answer",
	    [RESPONSE_NAME_ERROR] = "a name error",
	    [RESPONSE_NO_DATA] = "no data",
	    [RESPONSE_DELEGATION] = "a delegation",
	    [RESPONSE_ALIAS] = "an alias",
	    [RESPONSE_TRUNCATED] = "truncated",
	    [RESPONSE_NO_EDNS] = "no EDNS",
	    [RESPONSE_BAD_COOKIE] = "a bad cookie",
	    [RESPONSE_LAME] = "lame",
	    [RESPONSE_FAILURE] = "a failure",
	    [RESPONSE_BIZARRE] = "bizarre",
	};

	return TEXTS[is];
}

static void
expect(const struct reply *r, enum response_class want)
{
	enum response_class is = class_of(r);

	ck_assert_msg(
	    is == want, "%s taken for %s", class_text(want), class_text(is));
}

/* These count only if they are the server's own words (A07, table 3.1). */
static void
expect_with_aa(struct reply r)
{
	r.aa = true;
	expect(&r, r.is);
	r.aa = false;
	expect(&r, RESPONSE_LAME);
}

/* These mean the same with AA and without. */
static void
expect_with_and_without_aa(struct reply r)
{
	r.aa = false;
	expect(&r, r.is);
	r.aa = true;
	expect(&r, r.is);
}

/* ---------------------------------------------------------------------------
 * Tables.  Without more words the server is example.'s.
 */

/* Step 4a */
static const struct reply ANSWERS[] = {
    {RESPONSE_ANSWER, .answers = "www.sub.example. A"},
    {RESPONSE_ANSWER, .answers = "www.sub.example. A,www.sub.example. A"},
    {RESPONSE_ANSWER, .answers = "WWW.Sub.EXAMPLE. A"},
    {RESPONSE_ANSWER, .answers = "www.sub.example. A", .opt = true},
    {RESPONSE_ANSWER, .answers = "www.sub.example. A",
	.authorities = "example. NS ns.example.",
	.additionals = "ns.example. A"},
    {RESPONSE_ANSWER,
	.answers = "x.example. A,www.sub.example. CH A,www.sub.example. A"},
    {RESPONSE_ANSWER, .answers = "www.sub.example. TYPE65280", .stype = 65280},
    {RESPONSE_ANSWER, .answers = ". NS a.,. NS b.", .sname = ".",
	.stype = TYPE_NS, .zone = "."},
    /* It speaks for the zone below as well. */
    {RESPONSE_ANSWER, .answers = "www.sub.example. A", .zone = "."},
    /* L02: a CNAME asked for, or any, is data. */
    {RESPONSE_ANSWER, .answers = "www.sub.example. CNAME a.example.",
	.stype = TYPE_CNAME},
    {RESPONSE_ANSWER, .answers = "www.sub.example. CNAME a.example.",
	.stype = TYPE_ANY},
    {RESPONSE_ANSWER, .answers = "www.sub.example. MX", .stype = TYPE_ANY},
    /* T11: data and a CNAME at one name must not be, 4a is before 4c */
    {RESPONSE_ANSWER,
	.answers = "www.sub.example. CNAME a.example.,www.sub.example. A"},
    {RESPONSE_ANSWER,
	.answers = "www.sub.example. A,www.sub.example. CNAME a.example."},
    /* L06: the owner of a DNAME has its own data. */
    {RESPONSE_ANSWER, .answers = "www.sub.example. DNAME a.example.",
	.stype = TYPE_DNAME},
    {RESPONSE_ANSWER,
	.answers = "www.sub.example. DNAME a.example.,www.sub.example. A"},
};

START_TEST(answer_is_data_of_the_name_and_type)
{
	expect_with_aa(ANSWERS[_i]);
}
END_TEST

/* Step 4c */
static const struct reply ALIASES[] = {
    {RESPONSE_ALIAS, .answers = "www.sub.example. CNAME a.example."},
    {RESPONSE_ALIAS, .answers = "WWW.SUB.example. CNAME www.sub.example."},
    /* T08: what comes along is no answer, be it true or forged. */
    {RESPONSE_ALIAS, .answers = "www.sub.example. CNAME w.b.,w.b. A"},
    {RESPONSE_ALIAS, .answers = "w.b. A,www.sub.example. CNAME w.b."},
    {RESPONSE_ALIAS, .answers = "www.sub.example. CNAME a.example.",
	.authorities = "example. SOA ns.example."},
    {RESPONSE_ALIAS, .answers = "www.sub.example. CNAME a.b.",
	.authorities = "b. NS ns.b."},
    /* L04, N07: the rcode is that of the chain's end */
    {RESPONSE_ALIAS, .answers = "www.sub.example. CNAME a.example.",
	.rcode = RCODE_NXDOMAIN, .authorities = "example. SOA ns.example."},
    {RESPONSE_ALIAS, .answers = "www.sub.example. CNAME a.b.",
	.rcode = RCODE_NXDOMAIN, .authorities = "b. SOA ns.b."},
    /* A DNAME above the name, up to the zone's own. */
    {RESPONSE_ALIAS, .answers = "sub.example. DNAME a.b."},
    {RESPONSE_ALIAS, .answers = "example. DNAME a.b."},
    {RESPONSE_ALIAS, .answers = "Sub.EXAMPLE. DNAME a.b."},
    {RESPONSE_ALIAS, .answers = ". DNAME a.b.", .zone = "."},
    {RESPONSE_ALIAS, .answers = "sub.example. DNAME a.b.", .stype = TYPE_DNAME},
    {RESPONSE_ALIAS,
	.answers = "sub.example. DNAME a.b.,www.sub.example. CNAME www.a.b."},
    {RESPONSE_ALIAS, .answers = "sub.example. DNAME a.b.",
	.rcode = RCODE_NXDOMAIN},
    /* L07: too long, as we shall see ourselves */
    {RESPONSE_ALIAS, .answers = "sub.example. DNAME a.b.",
	.rcode = RCODE_YXDOMAIN},
};

START_TEST(alias_is_a_cname_or_a_dname_above)
{
	expect_with_aa(ALIASES[_i]);
}
END_TEST

static const struct reply DENIALS[] = {
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN,
	.authorities = "example. SOA ns.example."},
    {RESPONSE_NO_DATA, .authorities = "example. SOA ns.example."},
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN,
	.authorities = "EXAMPLE. SOA ns.example."},
    {RESPONSE_NO_DATA, .authorities = "eXample. SOA ns.example."},
    /* N06: from the zone asked down to the name */
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN,
	.authorities = "sub.example. SOA ns.example."},
    {RESPONSE_NO_DATA, .authorities = "www.sub.example. SOA ns.example."},
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN, .zone = ".",
	.authorities = ". SOA a."},
    {RESPONSE_NO_DATA, .zone = ".", .authorities = "example. SOA a."},
    /* N04, N16: nobody vouches for it */
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN},
    {RESPONSE_NO_DATA, .rcode = RCODE_NOERROR},
    {RESPONSE_NO_DATA, .opt = true},
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN,
	.authorities = "example. CH SOA ns.example."},
    {RESPONSE_NO_DATA, .authorities = "example. CH SOA ns.example."},
    {RESPONSE_NO_DATA, .authorities = "sub.example. CH NS ns.example."},
    /* N08: an SOA tells a denial from a referral. */
    {RESPONSE_NO_DATA,
	.authorities = "example. SOA ns.example.,example. NS ns.example."},
    {RESPONSE_NO_DATA,
	.authorities = "sub.example. NS ns.b.,example. SOA ns.example."},
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN,
	.authorities = "example. NS ns.example.,example. SOA ns.example."},
    {RESPONSE_NAME_ERROR, .rcode = RCODE_NXDOMAIN,
	.authorities = "sub.example. NS ns.b."},
    /* Its own NS, where the SOA should stand */
    {RESPONSE_NO_DATA, .authorities = "example. NS ns.example."},
    {RESPONSE_NO_DATA, .authorities = "EXAMPLE. NS ns.example.",
	.additionals = "ns.example. A"},
    /* L10: a DNAME of the authority section is none. */
    {RESPONSE_NO_DATA, .authorities = "sub.example. DNAME a.b."},
    {RESPONSE_NO_DATA,
	.authorities = "example. SOA ns.example.,sub.example. DNAME a.b."},
    /* Data counts in the answer section alone. */
    {RESPONSE_NO_DATA, .authorities = "www.sub.example. A",
	.additionals = "www.sub.example. A,www.sub.example. CNAME a.b."},
};

START_TEST(denial_is_the_word_of_the_zone)
{
	expect_with_aa(DENIALS[_i]);
}
END_TEST

/* N06, CVE-2019-10191: above the zone, beside the name, below it, abroad */
static const char *const FOREIGNERS[] = {
    ". SOA a.",
    "com. SOA ns.com.",
    "bank.com. SOA ns.com.",
    "other.example. SOA ns.example.",
    "a.www.sub.example. SOA ns.example.",
    "ww.sub.example. SOA ns.example.",
    "xexample. SOA ns.example.",
    "example. NS ns.example.,com. SOA ns.com.",
};

START_TEST(denial_by_a_foreign_soa_is_lame)
{
	struct reply r = {RESPONSE_LAME, .authorities = FOREIGNERS[_i]};

	expect_with_and_without_aa(r);
	r.rcode = RCODE_NXDOMAIN;
	expect_with_and_without_aa(r);
}
END_TEST

/* A06, step 4b: strictly nearer, and at or above the name */
static const struct reply REFERRALS[] = {
    {RESPONSE_DELEGATION, .authorities = "sub.example. NS ns.b."},
    {RESPONSE_DELEGATION, .authorities = "SUB.Example. NS ns.b."},
    {RESPONSE_DELEGATION, .authorities = "www.sub.example. NS ns.b."},
    {RESPONSE_DELEGATION, .zone = ".", .authorities = "example. NS ns.b."},
    {RESPONSE_DELEGATION, .zone = ".", .authorities = "sub.example. NS ns.b."},
    {RESPONSE_DELEGATION,
	.authorities = "sub.example. NS ns.b.,sub.example. NS ns.c.",
	.additionals = "ns.b. A,ns.c. A", .opt = true},
    {RESPONSE_DELEGATION,
	.authorities = "sub.example. DS,sub.example. RRSIG,"
		       "sub.example. NS ns.b."},
    {RESPONSE_DELEGATION,
	.authorities = "sub.example. NS ns.b.,example. CH SOA ns.example."},
    /* RFC 4035 3.1.4.1: who has a DS is the parent, on the way to it */
    {RESPONSE_DELEGATION, .stype = TYPE_DS,
	.authorities = "sub.example. NS ns.b."},
    {RESPONSE_DELEGATION, .stype = TYPE_DS, .sname = "sub.example.",
	.zone = ".", .authorities = "example. NS ns.b."},
};

START_TEST(referral_leads_nearer_to_the_name)
{
	expect_with_and_without_aa(REFERRALS[_i]);
}
END_TEST

/* A06, A07: to itself, upward, sideways, past the name, or nowhere */
static const struct reply NO_REFERRALS[] = {
    {RESPONSE_LAME, .authorities = "example. NS ns.example."},
    {RESPONSE_LAME, .authorities = "EXAMPLE. NS ns.example."},
    {RESPONSE_LAME, .authorities = ". NS a.,. NS b."},
    {RESPONSE_LAME, .zone = "sub.example.",
	.authorities = "example. NS ns.example."},
    {RESPONSE_LAME, .zone = ".", .authorities = ". NS a."},
    {RESPONSE_LAME, .authorities = "org. NS ns.org."},
    {RESPONSE_LAME, .authorities = "other.example. NS ns.b."},
    {RESPONSE_LAME, .authorities = "ub.example. NS ns.b."},
    {RESPONSE_LAME, .authorities = "a.www.sub.example. NS ns.b."},
    {RESPONSE_LAME, .zone = ".", .authorities = "org. NS ns.org."},
    {RESPONSE_LAME, .authorities = "sub.example. CH NS ns.b."},
    {RESPONSE_LAME, .additionals = "sub.example. NS ns.b."},
    {RESPONSE_LAME, .authorities = "sub.example. DS"},
    {RESPONSE_LAME, .rcode = RCODE_NOERROR},
    {RESPONSE_LAME, .opt = true},
    /* N08: nor is it one with an SOA */
    {RESPONSE_LAME,
	.authorities = "sub.example. NS ns.b.,example. SOA ns.example."},
    {RESPONSE_LAME, .rcode = RCODE_NXDOMAIN,
	.authorities = "sub.example. NS ns.b."},
    /* The child has no DS; who sends us there is not the parent. */
    {RESPONSE_LAME, .stype = TYPE_DS, .sname = "sub.example.",
	.authorities = "sub.example. NS ns.b."},
};

START_TEST(referral_elsewhere_is_lame)
{
	expect(&NO_REFERRALS[_i], RESPONSE_LAME);
}
END_TEST

/* With AA these are no denials either: not one has the zone's own NS. */
START_TEST(referral_elsewhere_is_lame_with_aa_too)
{
	static const char *const ELSEWHERE[] = {". NS a.", "org. NS ns.org.",
	    "other.example. NS ns.b.", "a.www.sub.example. NS ns.b."};
	struct reply r = {
	    RESPONSE_LAME, .aa = true, .authorities = ELSEWHERE[_i]};

	expect(&r, RESPONSE_LAME);
}
END_TEST

/* The answer section speaks, but not of what was asked. */
static const struct reply BIZARRE[] = {
    {RESPONSE_BIZARRE, .answers = "mail.example. A"},
    {RESPONSE_BIZARRE, .answers = "mail.example. A,. A,sub.example. A"},
    {RESPONSE_BIZARRE, .answers = "www.sub.example. MX"},
    {RESPONSE_BIZARRE, .answers = "www.sub.example. RRSIG"},
    {RESPONSE_BIZARRE, .answers = "www.sub.example. CH A"},
    {RESPONSE_BIZARRE, .answers = "www.sub.example. CH CNAME a.example."},
    {RESPONSE_BIZARRE, .answers = "sub.example. CH DNAME a.example."},
    {RESPONSE_BIZARRE, .answers = "mail.example. CNAME www.sub.example."},
    {RESPONSE_BIZARRE, .answers = "sub.example. CNAME a.b."},
    /* L06: a DNAME leads from strictly below it, and from its own zone. */
    {RESPONSE_BIZARRE, .answers = "www.sub.example. DNAME a.b."},
    {RESPONSE_BIZARRE, .answers = "a.www.sub.example. DNAME a.b."},
    {RESPONSE_BIZARRE, .answers = "other.example. DNAME a.b."},
    {RESPONSE_BIZARRE, .zone = "sub.example.",
	.answers = "example. DNAME a.b."},
    {RESPONSE_BIZARRE, .answers = ". DNAME a.b."},
};

START_TEST(answer_to_another_question_is_bizarre)
{
	expect_with_and_without_aa(BIZARRE[_i]);
}
END_TEST

/* Many servers put the zone's NS below each answer they give. */
START_TEST(answer_to_another_question_is_no_denial)
{
	struct reply r = BIZARRE[_i];

	r.aa = true;
	r.authorities = r.zone != NULL ? "sub.example. NS ns.example."
				       : "example. NS ns.example.";
	expect(&r, RESPONSE_BIZARRE);
}
END_TEST

/* A07, step 4d */
static const struct reply ERRORS[] = {
    {RESPONSE_LAME, .rcode = RCODE_REFUSED},
    {RESPONSE_LAME, .rcode = RCODE_REFUSED, .opt = true},
    {RESPONSE_LAME, .rcode = RCODE_SERVFAIL},
    {RESPONSE_LAME, .rcode = RCODE_SERVFAIL, .opt = true},
    /* E09: without an OPT, it may be the OPT that it did not like */
    {RESPONSE_NO_EDNS, .rcode = RCODE_FORMERR},
    {RESPONSE_FAILURE, .rcode = RCODE_FORMERR, .opt = true},
    {RESPONSE_NO_EDNS, .rcode = RCODE_NOTIMP},
    {RESPONSE_FAILURE, .rcode = RCODE_NOTIMP, .opt = true},
    /* An OPT in another section, or one that is broken, is none. */
    {RESPONSE_NO_EDNS, .rcode = RCODE_FORMERR, .authorities = ". OPT"},
    {RESPONSE_NO_EDNS, .rcode = RCODE_FORMERR, .additionals = "a. OPT"},
    {RESPONSE_FAILURE, .rcode = RCODE_YXDOMAIN},
    {RESPONSE_FAILURE, .rcode = RCODE_YXDOMAIN,
	.authorities = "sub.example. DNAME a.b."},
    {RESPONSE_FAILURE, .rcode = RCODE_YXDOMAIN,
	.answers = "www.sub.example. DNAME a.b."},
    {RESPONSE_FAILURE, .rcode = RCODE_YXRRSET},
    {RESPONSE_FAILURE, .rcode = 15},
    /* E11, K12: BADVERS and BADCOOKIE; four bits of the first look like success
     */
    {RESPONSE_NO_EDNS, .rcode = 0, .rcode_high = 1, .opt = true},
    {RESPONSE_BAD_COOKIE, .rcode = 7, .rcode_high = 1, .opt = true},
    {RESPONSE_FAILURE, .rcode = 1, .rcode_high = 1, .opt = true},
    {RESPONSE_FAILURE, .rcode = 3, .rcode_high = 255, .opt = true},
};

START_TEST(error_is_of_its_rcode)
{
	expect_with_and_without_aa(ERRORS[_i]);
}
END_TEST

/* T12: nothing that comes with an error is believed */
START_TEST(error_with_an_answer_is_the_same_error)
{
	struct reply r = ERRORS[_i];

	if (r.rcode == RCODE_YXDOMAIN) /* this one tells of an answer */
		return;
	r.answers = "www.sub.example. A";
	expect_with_and_without_aa(r);
	r.answers = NULL;
	r.authorities = "sub.example. NS ns.b.";
	expect_with_and_without_aa(r);
}
END_TEST

/* RFC 2181 9: what is missing is not known, so nothing of it is used */
START_TEST(truncated_is_truncated_whatever_it_says)
{
	struct reply r[] = {ANSWERS[0], ALIASES[0], DENIALS[0], DENIALS[1],
	    REFERRALS[0], NO_REFERRALS[0], BIZARRE[0], {.opt = true}};

	r[_i].tc = true;
	r[_i].is = RESPONSE_TRUNCATED;
	expect_with_and_without_aa(r[_i]);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Taking apart.
 */

/* One with all sections, pointers, and an OPT. */
static size_t
write_good(bool tc)
{
	static const struct reply GOOD = {.aa = true,
	    .answers = "www.sub.example. CNAME a.sub.example.,"
		       "a.sub.example. A,a.sub.example. A",
	    .authorities = "example. NS ns.example.,example. NS ns.b.",
	    .additionals = "ns.example. A",
	    .opt = true};
	struct reply r = GOOD;
	struct writer w;

	r.tc = tc;
	writer_init(&w, octets, sizeof(octets));
	writer_compress(&w, &names);
	return write_reply(&w, &r);
}

/* In a place of its own, so that the sanitizer sees a step beyond it. */
static bool
parse_first(size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	bool parsed;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, octets, len);
	parsed = response_parse(&response, copy, len);
	if (parsed) {
		struct name zone = name_of("example.");
		struct name sname = name_of("www.sub.example.");

		(void)response_class(&response, &sname, TYPE_A, &zone);
		(void)response_class(&response, &zone, TYPE_ANY, &ROOT);
		(void)response_class(&response, &ROOT, TYPE_DS, &sname);
	}
	free(copy);
	return parsed;
}

static unsigned
records_in(enum section section)
{
	struct records_left s = response_section(&response, section);

	return s.at < s.end ? s.end - s.at : 0;
}

static unsigned
records_in_all(void)
{
	return records_in(SECTION_ANSWER) + records_in(SECTION_AUTHORITY) +
	    records_in(SECTION_ADDITIONAL);
}

/* All that was read lies inside the message and in its bounds. */
static void
response_is_sound(size_t len)
{
	const struct header *h = &response.header;
	unsigned n = records_in_all(), i;

	ck_assert_uint_le(n, RECORDS_MAX);
	ck_assert_uint_le(records_in(SECTION_ANSWER), h->answers);
	ck_assert_uint_le(records_in(SECTION_AUTHORITY), h->authorities);
	ck_assert_uint_le(records_in(SECTION_ADDITIONAL), h->additionals);
	for (i = 0; i < n; i++) {
		const struct record *r = &response.records[i];

		if ((size_t)r->rdata_at + r->rdata_len > len ||
		    r->owner.len == 0)
			ck_abort_msg("record %u", i);
	}
}

START_TEST(response_is_taken_apart)
{
	struct name asked = name_of("www.sub.example.");

	ck_assert(parse_first(write_good(false)));
	ck_assert_uint_eq(response.header.id, 4711);
	ck_assert(header_is(&response.header, FLAG_QR) &&
	    header_is(&response.header, FLAG_AA));
	ck_assert(name_equal(&response.question.name, &asked));
	ck_assert_uint_eq(response.question.type, TYPE_A);
	ck_assert_uint_eq(response.question.class, CLASS_IN);
	ck_assert_uint_eq(records_in(SECTION_ANSWER), 3);
	ck_assert_uint_eq(records_in(SECTION_AUTHORITY), 2);
	ck_assert_uint_eq(records_in(SECTION_ADDITIONAL), 2);
	ck_assert_uint_eq(response.records[0].type, TYPE_CNAME);
	ck_assert(name_equal(&response.records[0].owner, &asked));
	ck_assert_uint_eq(response.records[2].ttl_s, TTL_S);
	ck_assert_uint_eq(response.records[2].rdata_len, 4);
	ck_assert_uint_eq(response.records[4].type, TYPE_NS);
	ck_assert_uint_eq(response.records[6].type, TYPE_OPT);
	ck_assert(response.edns.present);
	ck_assert_uint_eq(response.edns.udp_max, UDP_EDNS_MAX);
}
END_TEST

START_TEST(response_forgets_the_one_before_it)
{
	struct reply r = {RESPONSE_NO_DATA, .aa = true};

	ck_assert(parse_first(write_good(false)));
	expect(&r, RESPONSE_NO_DATA);
	ck_assert(!response.edns.present);
	ck_assert_uint_eq(records_in_all(), 0);
}
END_TEST

/* attacks:Z02: cut off anywhere, it is no message. */
START_TEST(response_cut_short_is_none)
{
	size_t whole = write_good(false), len;

	for (len = 0; len < whole; len++)
		ck_assert_msg(!parse_first(len), "of %zu octets", len);
	ck_assert(parse_first(whole));
}
END_TEST

/* But if it says so itself, what is whole of it is read. */
START_TEST(truncated_response_may_be_cut_short)
{
	size_t whole = write_good(true), len;
	unsigned n = 0, read;
	bool parsed, before = false;

	for (len = 0; len <= whole; len++) {
		parsed = parse_first(len);
		ck_assert(parsed || !before);
		before = parsed;
		if (!parsed)
			continue;
		response_is_sound(len);
		read = records_in_all();
		ck_assert(read == n || read == n + 1);
		n = read;
	}
	ck_assert_uint_eq(n, 7);
}
END_TEST

/* Offset of a count in the header, and what it says. */
static const struct {
	size_t at;
	uint16_t count;
} COUNTS[] = {
    {4, 0},
    {4, 2},
    {4, UINT16_MAX},
    {6, 4},
    {6, UINT16_MAX},
    {8, 3},
    {8, UINT16_MAX},
    {10, 3},
    {10, UINT16_MAX},
    {6, 0}, /* the first ones would belong to the next section ... */
    {8, 0}, /* ... and the last ones be left over */
    {10, 0},
    {10, 1},
};

START_TEST(counts_that_lie_are_found_out)
{
	size_t len = write_good(false);

	octets[COUNTS[_i].at] = (uint8_t)(COUNTS[_i].count >> 8);
	octets[COUNTS[_i].at + 1] = (uint8_t)COUNTS[_i].count;
	ck_assert(!parse_first(len));
}
END_TEST

START_TEST(opt_counts_in_the_additional_section_alone)
{
	struct reply r = {RESPONSE_BIZARRE, .answers = ". OPT"};

	expect(&r, RESPONSE_BIZARRE);
	ck_assert(!response.edns.present);
	r = (struct reply){RESPONSE_LAME, .authorities = ". OPT"};
	expect(&r, RESPONSE_LAME);
	ck_assert(!response.edns.present);
	r = (struct reply){RESPONSE_LAME, .additionals = ". OPT"};
	expect(&r, RESPONSE_LAME);
	ck_assert(response.edns.present);
}
END_TEST

/* RECORDS_MAX bounds the work, wherever the sections part. */
START_TEST(records_beyond_the_limit_are_not_read)
{
	static const uint16_t ANSWERS_TOLD[] = {
	    0, 1, 1000, 2047, 2048, 2049, 5000};
	uint16_t told = ANSWERS_TOLD[_i];
	struct header header = {.flags = FLAG_QR,
	    .questions = 1,
	    .answers = told,
	    .authorities = (uint16_t)(5000 - told)};
	struct question question = {.name = ROOT, .type = TYPE_A, .class = 1};
	unsigned i, want = told < RECORDS_MAX ? told : RECORDS_MAX;
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_header(&w, &header);
	write_question(&w, &question);
	for (i = 0; i < 5000; i++)
		write_bytes(&w, "\0\0\1\0\1\0\0\0\0\0\0", SMALL_RECORD_LEN);
	ck_assert(!w.failed);
	ck_assert(parse_first(w.len));
	ck_assert_uint_eq(records_in(SECTION_ANSWER), want);
	ck_assert_uint_eq(records_in(SECTION_AUTHORITY), RECORDS_MAX - want);
	ck_assert_uint_eq(records_in(SECTION_ADDITIONAL), 0);
	response_is_sound(w.len);
}
END_TEST

/* attacks:Z02: whatever the octets are */
START_TEST(any_octets_are_a_sound_response_or_none)
{
	uint32_t state = (uint32_t)_i;
	unsigned round, faults, parsed = 0;
	size_t whole, len;

	for (round = 0; round < 10000; round++) {
		whole = write_good(random_up_to(&state, 2));
		len = random_up_to(&state, 8) > 0
		    ? whole
		    : random_up_to(&state, (uint32_t)whole);
		for (faults = random_up_to(&state, 6); faults > 0; faults--)
			octets[random_up_to(&state, (uint32_t)whole)] =
			    (uint8_t)random_up_to(&state, 256);
		if (!parse_first(len))
			continue;
		response_is_sound(len);
		parsed++;
	}
	ck_assert_uint_gt(parsed, round / 10);
	ck_assert_uint_lt(parsed, round);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Where an alias leads.
 */

static uint8_t body[2 * (2 + NAME_LEN_MAX)];

/* As the cache gives it: an alias of this owner, and a second one behind. */
static struct view
view_of(uint16_t type, const struct name *owner, const struct name *target)
{
	struct view view = {
	    .type = type, .owner_len = owner->len, .records = 2};
	struct writer w;

	writer_init(&w, body, sizeof(body));
	write_u16(&w, target->len);
	write_bytes(&w, target->wire, target->len);
	write_u16(&w, 1);
	write_u8(&w, 0);
	ck_assert(!w.failed);
	reader_init(&view.body, body, w.len);
	return view;
}

/* A name of exactly so many octets, of labels as long as they can be. */
static struct name
name_of_len(size_t len)
{
	struct name n = {.len = 0};

	while (len - n.len > 1) {
		size_t label = len - n.len - 2;

		if (label > LABEL_LEN_MAX)
			label = label == LABEL_LEN_MAX + 1 ? LABEL_LEN_MAX - 1
							   : LABEL_LEN_MAX;
		n.wire[n.len] = (uint8_t)label;
		memset(n.wire + n.len + 1, 'x', label);
		n.len = (uint8_t)(n.len + 1 + label);
	}
	n.wire[n.len++] = 0;
	ck_assert_uint_eq(n.len, len);
	return n;
}

static const struct {
	uint16_t type;
	const char *sname, *owner, *target, *leads_to;
} TARGETS[] = {
    {TYPE_CNAME, "a.example.", "a.example.", "b.example.", "b.example."},
    {TYPE_CNAME, "a.example.", "a.example.", "a.example.", "a.example."},
    {TYPE_CNAME, "a.example.", "a.example.", ".", "."},
    {TYPE_CNAME, ".", ".", "B.Example.", "B.Example."},
    {TYPE_DNAME, "a.example.", "example.", "b.", "a.b."},
    {TYPE_DNAME, "a.b.example.", "example.", "x.y.", "a.b.x.y."},
    {TYPE_DNAME, "a.b.example.", "b.example.", "x.y.", "a.x.y."},
    {TYPE_DNAME, "A.B.example.", "EXAMPLE.", "x.", "A.B.x."},
    {TYPE_DNAME, "a.example.", "example.", ".", "a."},
    {TYPE_DNAME, "a.example.", ".", "x.", "a.example.x."},
    {TYPE_DNAME, "a.example.", "example.", "example.", "a.example."},
    {TYPE_DNAME, "a.example.", "example.", "a.example.", "a.a.example."},
};

/* RFC 1034 3.6.2, RFC 6672 2.2 */
START_TEST(alias_leads_to_its_target)
{
	struct name sname = name_of(TARGETS[_i].sname), end;
	struct name owner = name_of(TARGETS[_i].owner);
	struct name target = name_of(TARGETS[_i].target);
	struct name want = name_of(TARGETS[_i].leads_to);
	struct view view = view_of(TARGETS[_i].type, &owner, &target);
	unsigned times;

	for (times = 0; times < 2; times++) { /* the view is not used up */
		ck_assert(alias_target(&view, &sname, &end));
		ck_assert_uint_eq(end.len, want.len);
		ck_assert_mem_eq(end.wire, want.wire, want.len);
	}
}
END_TEST

/* L07, RFC 6672 2.2: "x." and what is put in make 255 octets, or more */
START_TEST(dname_leads_to_no_name_that_is_too_long)
{
	static const size_t TARGET_LENS[] = {252, 253, 254, 255};
	struct name sname = name_of("x.example."), end;
	struct name owner = name_of("example.");
	struct name target = name_of_len(TARGET_LENS[_i]);
	struct view view = view_of(TYPE_DNAME, &owner, &target);
	size_t len = 2 + TARGET_LENS[_i];

	ck_assert(alias_target(&view, &sname, &end) == (len <= NAME_LEN_MAX));
	if (len <= NAME_LEN_MAX)
		ck_assert_uint_eq(end.len, len);
}
END_TEST

START_TEST(long_name_may_lead_to_a_short_one_and_back)
{
	struct name longest = name_of_len(NAME_LEN_MAX), end;
	struct name owner, target = ROOT;
	struct view view;

	name_parent(&longest, 1, &owner);
	view = view_of(TYPE_DNAME, &owner, &target);
	ck_assert(alias_target(&view, &longest, &end));
	ck_assert_uint_eq(end.len, NAME_LEN_MAX - owner.len + 1);
	view = view_of(TYPE_CNAME, &target, &longest);
	ck_assert(alias_target(&view, &target, &end));
	ck_assert(name_equal(&end, &longest));
}
END_TEST

static TCase *
classes(void)
{
	TCase *t = tcase_create("classes");

	tcase_add_loop_test(t, answer_is_data_of_the_name_and_type, 0,
	    sizeof(ANSWERS) / sizeof(ANSWERS[0]));
	tcase_add_loop_test(t, alias_is_a_cname_or_a_dname_above, 0,
	    sizeof(ALIASES) / sizeof(ALIASES[0]));
	tcase_add_loop_test(t, denial_is_the_word_of_the_zone, 0,
	    sizeof(DENIALS) / sizeof(DENIALS[0]));
	tcase_add_loop_test(t, denial_by_a_foreign_soa_is_lame, 0,
	    sizeof(FOREIGNERS) / sizeof(FOREIGNERS[0]));
	tcase_add_loop_test(t, referral_leads_nearer_to_the_name, 0,
	    sizeof(REFERRALS) / sizeof(REFERRALS[0]));
	tcase_add_loop_test(t, referral_elsewhere_is_lame, 0,
	    sizeof(NO_REFERRALS) / sizeof(NO_REFERRALS[0]));
	tcase_add_loop_test(t, referral_elsewhere_is_lame_with_aa_too, 0, 4);
	tcase_add_loop_test(t, answer_to_another_question_is_bizarre, 0,
	    sizeof(BIZARRE) / sizeof(BIZARRE[0]));
	tcase_add_loop_test(t, answer_to_another_question_is_no_denial, 0,
	    sizeof(BIZARRE) / sizeof(BIZARRE[0]));
	tcase_add_loop_test(
	    t, error_is_of_its_rcode, 0, sizeof(ERRORS) / sizeof(ERRORS[0]));
	tcase_add_loop_test(t, error_with_an_answer_is_the_same_error, 0,
	    sizeof(ERRORS) / sizeof(ERRORS[0]));
	tcase_add_loop_test(t, truncated_is_truncated_whatever_it_says, 0, 8);
	return t;
}

static TCase *
messages(void)
{
	TCase *t = tcase_create("messages");

	tcase_add_test(t, response_is_taken_apart);
	tcase_add_test(t, response_forgets_the_one_before_it);
	tcase_add_test(t, response_cut_short_is_none);
	tcase_add_test(t, truncated_response_may_be_cut_short);
	tcase_add_loop_test(t, counts_that_lie_are_found_out, 0,
	    sizeof(COUNTS) / sizeof(COUNTS[0]));
	tcase_add_test(t, opt_counts_in_the_additional_section_alone);
	tcase_add_loop_test(t, records_beyond_the_limit_are_not_read, 0, 7);
	tcase_add_loop_test(t, any_octets_are_a_sound_response_or_none, 0, 3);
	tcase_set_timeout(t, 60);
	return t;
}

static TCase *
targets(void)
{
	TCase *t = tcase_create("targets");

	tcase_add_loop_test(t, alias_leads_to_its_target, 0,
	    sizeof(TARGETS) / sizeof(TARGETS[0]));
	tcase_add_loop_test(t, dname_leads_to_no_name_that_is_too_long, 0, 4);
	tcase_add_test(t, long_name_may_lead_to_a_short_one_and_back);
	return t;
}

int
main(void)
{
	Suite *suite = suite_create("referral");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, classes());
	suite_add_tcase(suite, messages());
	suite_add_tcase(suite, targets());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
