//! What relative paths, `~` and the default of `base_path` come to.

use std::path::Path;

use super::Machine;

#[test]
fn paths_are_relative_to_where_they_are_written() {
    let machine = Machine::new();
    machine.write(
        "home/.config/artifact-store/config.yaml",
        "base_path: ./store//x",
    );
    assert_eq!(
        machine.settings().base_path,
        machine.path("home/.config/artifact-store/store/x")
    );
    let machine = machine.env("ARTIFACT_BASE_PATH", "store");
    assert_eq!(machine.settings().base_path, machine.path("work/store"));
    let machine = machine
        .flag("base_path", "~/s")
        .env("ARTIFACT_GCS__CREDENTIALS_PATH", "~");
    let settings = machine.settings();
    assert_eq!(settings.base_path, super::home(&machine, "s"));
    assert_eq!(
        settings.gcs.credentials_path,
        Some(super::home(&machine, ""))
    );
    let machine = machine.flag("base_path", "/abs");
    assert_eq!(machine.settings().base_path, Path::new("/abs"));
}

#[test]
fn the_base_path_defaults_to_the_data_folder() {
    let mut machine = Machine::new();
    assert_eq!(
        machine.settings().base_path,
        super::home(&machine, ".local/share/artifact-store")
    );
    machine.sources.xdg_data_home = Some("/data".into());
    assert_eq!(
        machine.settings().base_path,
        Path::new("/data/artifact-store")
    );

    machine.sources = super::Sources {
        cwd: "/w".into(),
        ..super::Sources::default()
    };
    let error = machine.load().unwrap_err();
    assert!(
        error
            .message()
            .starts_with("`base_path` is not set and has no default"),
        "{error}"
    );
    assert_eq!(
        error.hint(),
        Some("set it, for example by ARTIFACT_BASE_PATH")
    );
    let machine = machine.env("ARTIFACT_BASE_PATH", "/b");
    assert_eq!(machine.settings().base_path, Path::new("/b"));
    let machine = machine.env("ARTIFACT_BASE_PATH", "~/b");
    assert!(
        machine
            .error()
            .ends_with("(there is no home folder for `~`)")
    );
}

#[test]
#[cfg(unix)]
fn a_home_folder_that_is_not_utf8_is_no_default() {
    use std::os::unix::ffi::OsStrExt;
    let mut machine = Machine::new();
    machine.sources.home = Some(Path::new(std::ffi::OsStr::from_bytes(b"/h\xff")).into());
    assert!(machine.error().contains("no home folder with a UTF-8 name"));
    let machine = machine.flag("base_path", "/x");
    assert!(machine.load().is_ok());
    let error = machine.flag("base_path", "~/x").error();
    assert!(error.contains("is not valid UTF-8"), "{error}");
}
