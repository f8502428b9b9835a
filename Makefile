# What one does with Cairn. Debian 12, root or sudo; packages are installed only when missing.

CARGO ?= cargo
SERVER := target/release/cairn-server
BUILD_PACKAGES := build-essential pkg-config libhwloc-dev libudev-dev
TEST_PACKAGES := $(BUILD_PACKAGES) redis-tools redis-server tcl dpkg-dev procps
# The shapes of bench/load.
SHAPES := multi-one-slot,multi-random,lpush-pipelined,lpop-pipelined,blmove,hot-keys

.PHONY: build run check test house bench build-packages test-packages

build:
	$(CARGO) build --release --locked

run: build-packages build
	$(SERVER) --bind 127.0.0.1 --port 6379

# Before every commit: formatting, lints, unit tests and the rules of the house; under a minute once built.
check:
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --locked --all-targets -- -D warnings
	$(CARGO) test --quiet --locked --lib --test tidy

# The checks, in one list: see tests/all.
test: test-packages
	tests/all

# What the code amounts to, in one table.
house:
	$(CARGO) test --quiet --locked --test tidy -- --nocapture --exact house::house

# Primitives first, then what shards cost, then the rivals side by side; needs a quiet machine. See bench/RESULTS.md.
bench: build-packages build
	$(CARGO) run --release --manifest-path bench/micro/Cargo.toml
	$(CARGO) run --release --manifest-path bench/scale/Cargo.toml -- --server $(SERVER)
	bench/versus/compare.sh
	bench/versus/compare.sh --items 0 --load $(SHAPES)

build-packages:
	@tests/packages $(BUILD_PACKAGES)

test-packages:
	@tests/packages $(TEST_PACKAGES)
