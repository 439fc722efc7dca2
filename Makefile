# make run     shows the main job working, on this machine alone
# make test    runs every test
# make stub    serves the whole contract with nothing behind it, for those who write clients
# make story   a city on its way from watching to blocking, as a table of our figures beside the truth
# make judges  what tools that nobody here wrote say of the edge; installs them below .cache
# make check   generated code, format, lint, types; no tests
.PHONY: run test check stub story judges
.NOTPARALLEL:

run: node_modules/.installed
	@npm run --silent demo

test: node_modules/.installed
	@for tool in java mvn python3 go; do command -v $$tool >/dev/null || { echo "$$tool is needed: see README.md."; exit 1; }; done
	@npm run --silent test

judges: node_modules/.installed
	@npm run --silent judges

story: node_modules/.installed
	@npm run --silent story

stub: node_modules/.installed
	@npm run --silent stub

check: node_modules/.installed
	@npm run --silent check

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'Node.js 20 or newer with npm is needed: install it and run make again.'; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@
