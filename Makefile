# Cistern. `make help` lists what there is. Every target works from a fresh clone; `make deps` installs Debian packages.
#
#   BUILD=dir       where everything is built (default build)
#   CC=clang        another compiler
#   SAN=address,undefined | thread    build with sanitizers

CC      ?= gcc
BUILD   ?= build
SAN     ?=
PREFIX  ?= /usr/local
JOBS    := $(shell nproc)
DESTDIR ?=

ifeq ($(origin CC),default)
CC := gcc
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	-Wcast-qual -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum -Werror
STANDARD := -std=c17 -D_GNU_SOURCE
ifeq ($(SAN),)
HARDEN   := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LDHARDEN := -pie -Wl,-z,relro,-z,now
else
HARDEN   := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
LDHARDEN := -fsanitize=$(SAN)
endif
INCLUDES := -Iservices -I$(BUILD)/gen -I/usr/include/postgresql
CFLAGS_ALL := $(STANDARD) $(WARNINGS) $(HARDEN) $(INCLUDES) $(CFLAGS)
LIBS := -Wl,--as-needed -lmosquitto -lpq -lmicrohttpd -lgnutls -ljansson -lcurl -lcjose -lsodium -lssl -lcrypto -lz -lpthread -lm

# One archive of all rooms; each program is a folder with a main.c that wires rooms together.
ROOMS    := base model config broker ingest store push command account api claim revocation ca
PROGRAMS := cisternd signerd cistern cistern-node

room_sources = $(wildcard services/$(1)/*.c)
LIB_SOURCES  := $(foreach room,$(ROOMS),$(call room_sources,$(room)))
LIB_OBJECTS  := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
LIB          := $(BUILD)/libcistern.a
BINARIES     := $(foreach program,$(PROGRAMS),$(if $(call room_sources,$(program)),$(BUILD)/$(program)))
PLUGIN_SOURCES := $(wildcard plugin/*.c) $(wildcard services/model/*.c)
PLUGIN_OBJECTS := $(PLUGIN_SOURCES:%.c=$(BUILD)/pic/%.o)
PLUGIN       := $(if $(wildcard plugin/*.c),$(BUILD)/cistern.so)
QUERIES      := $(BUILD)/gen/queries.inc
QUERY_FILES  := $(wildcard sql/queries/*.sql)

SCENARIOS    ?= tests/faults tests/sql tests/scenario
# They mostly wait: two at a time on each core. 0: one after another, in this process.
WORKERS      ?= $(shell echo $$((2 * $(JOBS))))
UNIT_SOURCES := $(wildcard tests/unit/*/*_test.c)
UNIT_TESTS   := $(UNIT_SOURCES:%.c=$(BUILD)/%)
FUZZ_SOURCES := $(wildcard tests/fuzz/*_fuzz.c)
BENCH_SOURCES := $(wildcard tests/bench/*.c)
BENCHES      := $(BENCH_SOURCES:%.c=$(BUILD)/%)
BENCH_KIT    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/kit/*.c))

.PHONY: all deps run test check unit scenario lint san fuzz bench faults bench-programs install clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PLUGIN) $(BINARIES)

help:
	@sed -n 's/^#: //p' Makefile

#: make            build everything into build/
#: make deps       install the Debian packages that building and running need (root or sudo)
#: make run        build, set up and run the whole stack in ./var; Ctrl-C ends it
#: make test       install what is needed, build, and run every test
#: make unit       unit tests only
#: make scenario   scenario tests only (real broker, database and daemons)
#: make lint       format, room includes, static analysis; warnings are errors
#: make san        unit and scenario tests under address+undefined, the daemon under thread sanitizer
#: make fuzz       every fuzz target for FUZZ_SECONDS (default 10) each
#: make bench      figures beside their baselines, docs/performance.md; FIGURES='ingest' for some of them
#: make faults     each fault of docs/reliability.md many times, into its table (half an hour); FAULTS='daemon-kill' for some, SEED=n
#: make install    into $(DESTDIR)$(PREFIX)
#: make clean      remove build/

deps:
	./tools/deps

run:
	@./tools/deps --run
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@exec ./tools/run

test check:
	@./tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory -j$(JOBS) unit
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),3)
	@$(MAKE) --no-print-directory scenario
	@$(MAKE) --no-print-directory san

unit: $(UNIT_TESTS)
	@./tools/run-unit $(UNIT_TESTS)

scenario: all
	@BUILD=$(abspath $(BUILD)) /usr/bin/python3 -m pytest -q -n $(WORKERS) --dist loadfile $(SCENARIOS) $(PYTEST)

lint:
	@./tools/lint

san:
	@./tools/san

fuzz:
	@BUILD=$(BUILD) ./tools/fuzz $(FUZZ_SECONDS)

bench:
	@./tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) all bench-programs
	@BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/bench.py $(FIGURES)

bench-programs: $(BENCHES)

faults:
	@./tools/deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/faults/long.py $(FAULTS)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/cistern $(DESTDIR)$(PREFIX)/share/cistern/migrations
	install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(PLUGIN) $(DESTDIR)$(PREFIX)/lib/cistern
	install -m 644 sql/migrations/*.sql $(DESTDIR)$(PREFIX)/share/cistern/migrations
	install -m 644 plugin/mosquitto.conf.in $(DESTDIR)$(PREFIX)/share/cistern

clean:
	rm -rf $(BUILD)

# --- rules ---

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC    $<'
	@$(CC) $(CFLAGS_ALL) -fPIE -MMD -MP -c $< -o $@

# Only what the broker asks for is exported; sanitizers cannot be loaded into a broker built without them.
$(BUILD)/pic/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC    $< (plugin)'
	@$(CC) $(STANDARD) $(WARNINGS) -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong $(INCLUDES) -Iplugin $(CFLAGS) \
		-fPIC -fvisibility=hidden -MMD -MP -c $< -o $@

$(BUILD)/cistern.so: $(PLUGIN_OBJECTS)
	@echo '  LD    $@'
	@$(CC) -shared -Wl,-z,relro,-z,now -o $@ $^ -lcrypto

$(LIB): $(LIB_OBJECTS)
	@rm -f $@
	@ar rcs $@ $^

$(QUERIES): sql/queries.awk $(QUERY_FILES)
	@mkdir -p $(@D)
	@awk -f sql/queries.awk $(QUERY_FILES) >$@

# The statements and the migrations are part of the program: they cannot be of another version than the code.
$(BUILD)/gen/migrations.inc: sql/migrations.awk $(wildcard sql/migrations/*.sql)
	@mkdir -p $(@D)
	@awk -f sql/migrations.awk $(sort $(wildcard sql/migrations/*.sql)) >$@

# generated headers first; afterwards the .d files know who includes them
$(LIB_OBJECTS): | $(QUERIES) $(BUILD)/gen/migrations.inc

define program_rule
$(BUILD)/$(1): $$(patsubst %.c,$(BUILD)/%.o,$(call room_sources,$(1))) $(LIB)
	@echo '  LD    $$@'
	@$(CC) $(LDHARDEN) $(LDFLAGS) -o $$@ $$^ $(LIBS)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

$(BUILD)/tests/unit/%_test: tests/unit/%_test.c $(LIB) | $(QUERIES)
	@mkdir -p $(@D)
	@echo '  LD    $@'
	@$(CC) $(CFLAGS_ALL) -Iplugin -MMD -MP $(LDHARDEN) -fPIE -o $@ $< $(LIB) -lcmocka $(LIBS)

$(BUILD)/tests/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(LIB)
	@mkdir -p $(@D)
	@echo '  LD    $@'
	@$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -MMD -MP -o $@ $< $(LIB) $(LIBS)

$(BUILD)/tests/bench/%: tests/bench/%.c $(LIB) $(BENCH_KIT)
	@mkdir -p $(@D)
	@echo '  LD    $@'
	@$(CC) $(CFLAGS_ALL) -Iplugin -MMD -MP $(LDHARDEN) -fPIE -o $@ $< $(BENCH_OBJECTS) $(BENCH_KIT) $(LIB) $(LIBS)

# The plugin as it is built for the broker, whose functions the benchmark stands in for.
$(BUILD)/tests/bench/plugin_checks: BENCH_OBJECTS := $(PLUGIN_OBJECTS)
$(BUILD)/tests/bench/plugin_checks: $(PLUGIN_OBJECTS)

-include $(LIB_OBJECTS:.o=.d) $(PLUGIN_OBJECTS:.o=.d) $(UNIT_TESTS:%=%.d) $(BENCHES:%=%.d) $(BENCH_KIT:.o=.d) $(FUZZ_SOURCES:%.c=$(BUILD)/%.d) \
	$(foreach program,$(PROGRAMS),$(patsubst %.c,$(BUILD)/%.d,$(call room_sources,$(program))))
