//! The words the rules look for: extensions, tools, folders. In lower case, with `-` for `_` and
//! space. Knows neither rules nor files.

/// What reports are written as. Not toml, yaml or source: those configure the tool of the name.
#[rustfmt::skip]
pub(super) const REPORT: &[&str] = &["json", "jsonl", "ndjson", "xml", "html", "htm", "csv", "txt"];

/// Words of the names of test reports.
#[rustfmt::skip]
pub(super) const TEST_REPORTS: &[&str] = &[
    "test-results", "test-result", "testresults", "test-report", "pytest-results", "pytest-report",
    "unittest-results", "nextest",
];

/// Folders that test runners write.
#[rustfmt::skip]
pub(super) const TEST_FOLDERS: &[&str] = &[
    "test-results", "test-reports", "surefire-reports", "failsafe-reports", "playwright-report",
    "allure-results", "allure-report",
];

/// Words of the names of coverage reports.
#[rustfmt::skip]
pub(super) const COVERAGE_TOOLS: &[&str] = &[
    "coverage", "cobertura", "jacoco", "clover", "tarpaulin", "lcov",
];

/// Security scanners, and what services call their reports.
#[rustfmt::skip]
pub(super) const SCANNERS: &[&str] = &[
    "bandit", "brakeman", "cargo-audit", "checkov", "codeql", "container-scanning", "dast",
    "dependency-check", "dependency-scanning", "gitleaks", "gosec", "grype", "npm-audit",
    "osv-scanner", "pip-audit", "sast", "secret-detection", "security-report", "security-scan",
    "semgrep", "snyk", "tfsec", "trivy", "trufflehog", "vulnerabilities", "zap",
];

/// Linters, and what services call their reports.
#[rustfmt::skip]
pub(super) const LINTERS: &[&str] = &[
    "actionlint", "biome", "checkstyle", "clang-tidy", "clippy", "code-quality", "codeclimate",
    "cppcheck", "detekt", "eslint", "flake8", "golangci", "golangci-lint", "hadolint", "ktlint",
    "markdownlint", "mypy", "oxlint", "phpstan", "pmd", "pylint", "pyright", "rubocop", "ruff",
    "shellcheck", "spotbugs", "staticcheck", "stylelint", "swiftlint", "yamllint",
];

/// Tools that measure, and what their reports are called.
#[rustfmt::skip]
pub(super) const BENCHMARKS: &[&str] = &[
    "benchmark", "benchmarks", "criterion", "gatling", "hyperfine", "jmeter", "k6", "lighthouse",
];

/// Words of the names of measurements, too common to tell of a page or a configuration.
#[rustfmt::skip]
pub(super) const METRICS: &[&str] = &["bench", "metrics", "perf", "performance"];

/// Words of the names of build logs.
#[rustfmt::skip]
pub(super) const BUILDERS: &[&str] = &[
    "build", "cmake", "compile", "gradle", "make", "maven", "mvn", "webpack",
];

/// Parts of the paths of screenshots; Playwright calls the one of a failure `test-failed-1.png`.
#[rustfmt::skip]
pub(super) const SCREENSHOTS: &[&str] = &["screenshot", "screen-shot", "test-failed-"];

/// Folders that documentation tools write.
#[rustfmt::skip]
pub(super) const API_DOC_FOLDERS: &[&str] = &[
    "apidocs", "api-docs", "doxygen", "javadoc", "rustdoc", "typedoc",
];

/// Extensions of source code.
#[rustfmt::skip]
pub(super) const CODE: &[&str] = &[
    "asm", "s", "astro", "bash", "bat", "c", "cc", "cjs", "clj", "cmake", "cmd", "cpp", "cs", "css",
    "cts", "cu", "cxx", "dart", "dockerfile", "elm", "erl", "ex", "exs", "f90", "fish", "fs",
    "go", "gradle", "graphql", "groovy", "h", "hcl", "hh", "hpp", "hrl", "hs", "hxx", "ipynb",
    "java", "jl", "js", "jsx", "kt", "kts", "less", "lua", "m", "m4", "mjs", "mk", "ml", "mm", "mts",
    "nim", "nix", "php", "pl", "pm", "ps1", "py", "pyi", "r", "rb", "rs", "sass", "scala", "scss",
    "sh", "sol", "sql", "svelte", "swift", "tcl", "tf", "ts", "tsx", "v", "vb", "vhd", "vim", "vue",
    "wat", "zig", "zsh",
];

/// Names of source code that no extension tells.
#[rustfmt::skip]
pub(super) const CODE_FILES: &[&str] = &[
    "build.bazel", "cargo.toml", "cmakelists.txt", "containerfile", "dockerfile", "gemfile",
    "go.mod", "jenkinsfile", "justfile", "makefile", "package.json", "pom.xml", "pyproject.toml",
    "rakefile", "vagrantfile",
];

/// Extensions of structured data.
#[rustfmt::skip]
pub(super) const DATA: &[&str] = &[
    "arrow", "avro", "cfg", "conf", "csv", "db", "env", "feather", "geojson", "har", "ini",
    "json", "json5", "jsonl", "lock", "ndjson", "npy", "npz", "ods", "orc", "parquet", "proto",
    "sqlite", "sqlite3", "toml", "tsv", "xls", "xlsx", "xml", "yaml", "yml",
];

/// Extensions of text for people, but `txt`: what looks like a log in it is a log.
#[rustfmt::skip]
pub(super) const DOCUMENTS: &[&str] = &[
    "adoc", "asciidoc", "doc", "docx", "epub", "htm", "html", "markdown", "md", "odp", "odt",
    "pdf", "ppt", "pptx", "ps", "rst", "rtf", "tex", "xhtml",
];
