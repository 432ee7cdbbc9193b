# make            build the server
# make run        serve on 127.0.0.1:5300 and [::1]:5300, log in dns.log
# make test       build and run all tests
# make demo       the case this server exists for, on real servers
# make bench      measure it beside other servers; see bench/README.md
# make mutants    plant one-line faults; the tests must catch each
# make fuzz       let clang make up inputs, FUZZ_S=60 seconds for each target
# make install    PREFIX=/usr/local, DESTDIR for packagers; leaves a cache.dns
# make uninstall  that is there, and an edited one, as it is
# make deb        a Debian package, in build/
# make static     build/static/dns, by musl-gcc, that needs no other file

CC      ?= cc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
# What is at /usr has its files in /etc.
SYSCONFDIR ?= $(patsubst /usr,,$(PREFIX))/etc
MANDIR  ?= $(PREFIX)/share/man
PORT    ?= 5300

B      ?= build
STD     = -std=c11 -D_GNU_SOURCE -DSYSCONFDIR='"$(SYSCONFDIR)"' -I. -I$(B)
WARN    = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	  -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual -Wundef \
	  -Wformat=2 -Wimplicit-fallthrough
# SANITIZE=1 builds all with the address and undefined sanitizers.
SAN_1   = -fsanitize=address,undefined -fno-sanitize-recover=all \
	  -fno-omit-frame-pointer -U_FORTIFY_SOURCE
# COVERAGE=1 has all count which lines they reach (tests/coverage.sh).
COV_1   = --coverage -U_FORTIFY_SOURCE -Wl,-u,__gcov_dump
HARDEN  = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	  -fPIE $(SAN_$(SANITIZE)) $(COV_$(COVERAGE))
HARDEN_LD = -pie -Wl,-z,relro,-z,now,-z,noexecstack
TEST_CFLAGS = -U_FORTIFY_SOURCE $(SAN_$(SANITIZE)) $(COV_$(COVERAGE))

PARTS   = dns control referral server cache eventlog message confine
OBJ     = $(PARTS:%=$(B)/%.o)
TOBJ    = $(PARTS:%=$(B)/test/%.o)
# The same, but they count the basic blocks they go through.
WOBJ    = $(PARTS:%=$(B)/work/%.o)
# The server's own, but that its system calls can be led to the simulator.
IOBJ    = $(PARTS:%=$(B)/count/%.o)
CHECKS  = $(patsubst tests/%.c,$(B)/%,$(wildcard tests/check_*.c))
# Scenarios, and their two drivers.
PLAY    = parser scenario authority witness buffer driver
SIM     = $(PLAY) files stream kernel netlink simulator
NAMES   = $(PLAY) players netns wire
PLAYO   = $(PLAY:%=$(B)/tests/%.o)
SIMO    = $(SIM:%=$(B)/tests/%.o)
NAMESO  = $(NAMES:%=$(B)/tests/%.o)
TESTS_H = $(wildcard tests/*.h)
# The players of soak.sh and its like: they need not be Check programs.
TOOLS   = $(B)/play $(B)/flood
# What make bench measures with.
BENCH_TOOLS = $(patsubst %,$(B)/bench/%,world ask first floor room)
CHECK_CFLAGS = `pkg-config --cflags check`
CHECK_LIBS   = `pkg-config --libs check`
# The system calls that the simulator stands in for, and what tells it on whose
# account each query is.
WRAPS   = eventlog_is_tracing eventlog_query_sent \
	  socket bind connect setsockopt sendto recv recvfrom recvmmsg sendmmsg close \
	  listen accept4 send sendmsg \
	  epoll_create1 epoll_ctl epoll_wait signalfd read write open stat fstat \
	  poll renameat getrandom clock_gettime getrlimit setrlimit \
	  getsockname gethostname malloc calloc realloc exit
SERVER_WRAPS = socket bind setsockopt send recv close epoll_ctl getrandom
# What lets the filter find out late, and what it must keep from being called.
FILTER_WRAPS = address_fault server_kernel_ports server_write_cookie \
	  eventlog_server_refused eventlog_self_send \
	  socket setsockopt bind connect epoll_ctl sendto recv recvfrom
# Fuzz targets, under the sanitizers if the compiler has them: with a main that
# replays what was kept, or with libFuzzer's.  Each takes what it needs out of
# one archive.
FUZZ    = $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/z*.c))
FUZZ_S  ?= 60
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_WRAPS = $(WRAPS)
FUZZ_CFLAGS = -O1 -g `cat $(B)/fuzz/flags`
FUZZ_OBJ = $(PARTS:%=$(B)/fuzz/%.o) \
	  $(SIM:%=$(B)/fuzz/tests/%.o)
# What tests/run.sh runs.
TESTED  = $(B)/dns $(CHECKS) $(TOOLS) $(FUZZ) $(BENCH_TOOLS)

all: $(B)/dns

$(B)/dns: $(OBJ)
	$(CC) $(HARDEN) $(CFLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ $(OBJ)

$(B)/%.o: %.c dns.h
	@mkdir -p $(B)
	$(CC) $(STD) $(WARN) $(HARDEN) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The root hints, compiled in as they stand in cache.dns.
$(B)/hints.inc: cache.dns
	@mkdir -p $(B)
	od -An -v -tu1 cache.dns | sed 's/  */,/g; s/^,//; s/$$/,/' > $@
$(B)/server.o $(B)/test/server.o $(B)/work/server.o: $(B)/hints.inc

# Where that file is to be is compiled in, too: with another SYSCONFDIR than
# the last time, what knows it is made anew.
AT      = $(B)/at$(subst /,-,$(SYSCONFDIR))
$(AT):
	@mkdir -p $(B)
	@rm -f $(B)/at-*
	@: >$@
$(B)/control.o $(B)/server.o $(B)/test/control.o $(B)/test/server.o \
$(B)/work/control.o $(B)/work/server.o: $(AT)

$(B)/test/%.o: %.c dns.h
	@mkdir -p $(B)/test
	$(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) $(TEST_CFLAGS) -c -o $@ $<
$(B)/work/%.o: %.c dns.h
	@mkdir -p $(B)/work
	$(CC) $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) $(TEST_CFLAGS) \
	    -fsanitize-coverage=trace-pc -c -o $@ $<
$(B)/work/dns.o: CPPFLAGS += -Dmain=dns_main -Wno-missing-prototypes
$(B)/count/%.o: %.c dns.h $(B)/hints.inc $(AT)
	@mkdir -p $(B)/count
	$(CC) $(STD) $(WARN) $(HARDEN) -U_FORTIFY_SOURCE $(CPPFLAGS) -O2 -g \
	    -c -o $@ $<
$(B)/count/dns.o: CPPFLAGS += -Dmain=dns_main -Wno-missing-prototypes
$(B)/instructions: bench/instructions.c $(SIMO) $(TESTS_H) $(IOBJ)
	$(CC) $(STD) -Itests $(WARN) $(HARDEN) -U_FORTIFY_SOURCE -O2 -g \
	    $(HARDEN_LD) $(WRAPS:%=-Wl,--wrap=%) -o $@ $< $(SIMO) $(IOBJ)

$(B)/tests/%.o: tests/%.c dns.h $(TESTS_H)
	@mkdir -p $(B)/tests
	$(CC) $(STD) -Itests $(WARN) $(CPPFLAGS) $(CFLAGS) $(TEST_CFLAGS) -c -o $@ $<

$(B)/check_message: $(B)/test/message.o
$(B)/check_cache: $(B)/test/cache.o $(B)/test/message.o
$(B)/check_eventlog: $(B)/tests/scratch.o $(B)/test/eventlog.o \
	$(B)/test/message.o $(B)/test/confine.o
$(B)/check_server: $(B)/tests/netlink.o $(B)/tests/scratch.o \
	$(B)/test/server.o $(B)/test/eventlog.o $(B)/test/message.o $(B)/test/confine.o
$(B)/check_server: CHECK_WRAPS = $(SERVER_WRAPS)
$(B)/check_referral: $(B)/test/referral.o $(B)/test/server.o \
	$(B)/test/cache.o $(B)/test/eventlog.o $(B)/test/message.o $(B)/test/confine.o
$(B)/check_control: $(filter-out %/dns.o,$(TOBJ))
$(B)/check_filter: $(B)/test/referral.o $(B)/test/server.o \
	$(B)/test/cache.o $(B)/test/eventlog.o $(B)/test/message.o $(B)/test/confine.o
$(B)/check_filter: CHECK_WRAPS = $(FILTER_WRAPS)
$(B)/check_stream: $(B)/tests/stream.o $(B)/tests/buffer.o
$(B)/check_driver: $(PLAYO) $(B)/test/message.o
$(B)/check_cache_file: $(B)/tests/scratch.o $(B)/test/control.o \
	$(B)/test/referral.o $(B)/test/server.o $(B)/test/cache.o \
	$(B)/test/eventlog.o $(B)/test/message.o $(B)/test/confine.o
$(B)/check_confine: $(B)/tests/scratch.o $(B)/test/confine.o
# The program itself is what this one tests.
$(B)/check_dns: $(B)/dns $(B)/tests/scratch.o $(B)/test/message.o
$(B)/check_scenarios $(B)/check_faults: $(B)/tests/apart.o $(SIMO) $(WOBJ)
$(B)/check_scenarios $(B)/check_faults: CHECK_WRAPS = $(WRAPS)
$(B)/check_namespaces: $(B)/tests/namespace.o $(NAMESO) $(B)/tests/scratch.o \
	$(B)/test/message.o $(B)/dns
$(CHECKS): $(B)/%: tests/%.c dns.h $(TESTS_H)
	$(CC) $(STD) -Itests $(WARN) $(CPPFLAGS) $(CFLAGS) $(TEST_CFLAGS) \
	    $(CHECK_CFLAGS) $(LDFLAGS) -o $@ $< $(CHECK_WRAPS:%=-Wl,--wrap=%) \
	    $(filter %.o,$^) $(CHECK_LIBS)

$(TOOLS): $(B)/%: tests/%.c $(NAMESO) $(B)/test/message.o $(TESTS_H)
	$(CC) $(STD) -Itests $(WARN) $(CPPFLAGS) $(CFLAGS) $(TEST_CFLAGS) \
	    $(LDFLAGS) -o $@ $< $(filter %.o,$^)

$(B)/fuzz/flags:
	@mkdir -p $(@D)
	@echo 'int main(void) { return 0; }' >$@.c
	@if $(CC) $(SAN_1) -o $@.out $@.c 2>/dev/null; then echo '$(SAN_1)'; \
	    fi >$@
$(B)/fuzz/%.o: %.c dns.h $(TESTS_H) $(B)/hints.inc $(B)/fuzz/flags
	@mkdir -p $(@D)
	$(CC) $(STD) -Itests $(WARN) $(CPPFLAGS) $(FUZZ_CFLAGS) -c -o $@ $<
$(B)/fuzz/dns.o: CPPFLAGS += -Dmain=dns_main -Wno-missing-prototypes
$(B)/fuzz/libdns.a: $(FUZZ_OBJ)
	@rm -f $@
	ar -rcs $@ $(FUZZ_OBJ)
$(FUZZ): $(B)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h tests/fuzz/replay.c \
	    $(PARTS:%=%.c) $(B)/fuzz/libdns.a
	$(CC) $(STD) -Itests $(WARN) $(CPPFLAGS) $(FUZZ_CFLAGS) $(LDFLAGS) \
	    -o $@ $< $(FUZZ_MAIN) $(FUZZ_WRAPS:%=-Wl,--wrap=%) $(B)/fuzz/libdns.a
# What takes time in its processes and is of no use there.
$(B)/fuzz/z11_engine: FUZZ_WRAPS += $(foreach n,1 2 4 8, \
	  __sanitizer_cov_trace_cmp$n __sanitizer_cov_trace_const_cmp$n) \
	  __sanitizer_cov_trace_switch free

run: $(B)/dns
	$(B)/dns -l 127.0.0.1 -l ::1 -p $(PORT) -r cache.dns -e dns.log

test:
	@sh tests/need.sh check
	@$(MAKE) --no-print-directory $(TESTED)
	@B=$(B) sh tests/run.sh

# Which test proves which rule, and how it went.
tests/RFC.md: $(TESTED)
	@B=$(B) sh tests/run.sh --write

demo: $(B)/dns
	@B=$(B) sh tests/demo.sh

$(BENCH_TOOLS): $(B)/bench/%: bench/%.c bench/names.c bench/names.h \
	    $(B)/message.o
	@mkdir -p $(@D)
	$(CC) $(STD) -Ibench $(WARN) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ \
	    $< bench/names.c $(B)/message.o -lm
$(B)/bench/room: cache.c dns.h

# BENCH="hits cold" measures only these, QUICK=1 all of it in a minute.
bench: $(B)/dns $(BENCH_TOOLS)
	@B=$(B) sh bench/run.sh $(BENCH)

fuzz: $(FUZZ)
	@$(MAKE) --no-print-directory B=$(B)/clang CC=clang \
	    FUZZ_CFLAGS='-O1 -g $(SAN_1) -fsanitize=fuzzer-no-link' \
	    FUZZ_MAIN=-fsanitize=fuzzer \
	    $(FUZZ:$(B)/%=$(B)/clang/%)
	@B=$(B) FUZZ_S=$(FUZZ_S) sh tests/fuzz.sh run

mutants:
	@sh tests/need.sh check
	@sh tests/mutants.sh

# Under DESTDIR; what the operator has edited is his.
D_HINTS = $(DESTDIR)$(SYSCONFDIR)/dns
D_SBIN  = $(DESTDIR)$(PREFIX)/sbin
D_MAN   = $(DESTDIR)$(MANDIR)/man8

install: $(B)/dns
	install -d $(D_SBIN) $(D_MAN) $(D_HINTS)
	install -m 755 $(B)/dns $(D_SBIN)/dns
	sed 's,/usr/local/etc,$(SYSCONFDIR),' dns.8 >$(B)/dns.8
	install -m 644 $(B)/dns.8 $(D_MAN)/dns.8
	test -e $(D_HINTS)/cache.dns || \
	    install -m 644 cache.dns $(D_HINTS)/cache.dns

uninstall:
	rm -f $(D_SBIN)/dns $(D_MAN)/dns.8
	! cmp -s cache.dns $(D_HINTS)/cache.dns || rm $(D_HINTS)/cache.dns
	@! test -d $(D_HINTS) || rmdir $(D_HINTS) 2>/dev/null || \
	    echo "left as it is: $(D_HINTS)"

deb:
	rm -rf $(B)/deb
	$(MAKE) --no-print-directory B=$(B)/deb/build PREFIX=/usr \
	    DESTDIR=$(B)/deb/root install
	sh contrib/debian/build.sh $(B)/deb/root $(B)

static:
	$(MAKE) --no-print-directory B=$(B)/static CC=musl-gcc LDFLAGS=-static

clean:
	rm -rf $(B)

.PHONY: all run test tests/RFC.md demo bench fuzz mutants install uninstall deb static clean
