//! Embeds the built page and the configuration.

fn main() {
    tauri_build::build();
}
