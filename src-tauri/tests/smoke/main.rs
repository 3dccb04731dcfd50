//! The real window, driven by WebKitGTK's own driver, with the real `shoal` and the real engine behind it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod driven;
mod stack;

use driven::Window;
use stack::Stack;

#[tokio::test]
async fn without_a_stack_the_page_asks_for_one() {
    let window = Window::open(&tempfile::tempdir().unwrap(), &[]).await;
    window.see("//button[contains(., 'Open a folder')]").await;
    window.see("//button[contains(., 'example')]").await;
    let formats = "return new Intl.NumberFormat(navigator.language).format(1.5).length";
    assert_eq!(window.ask(formats).await, 3, "the language is one that the page can format numbers in");
    let copies = "return isSecureContext && typeof navigator.clipboard?.writeText";
    assert_eq!(window.ask(copies).await, "function", "what the page offers to copy can be copied");
    window.close().await;
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_told_on_the_page() {
    let window = Window::open(&tempfile::tempdir().unwrap(), &["/nowhere/services.toml"]).await;
    window.see("//*[contains(., 'there is no file')]").await;
    window.see("//button[contains(., 'Open a folder')]").await;
    window.close().await;
}

#[tokio::test]
async fn the_page_leads_nowhere_but_to_ports_of_this_machine() {
    let home = tempfile::tempdir().unwrap();
    let window = Window::open(&home, &[]).await;
    window.see("//h1").await;
    let before = window.ask("return location.href").await;
    let good = "http://localhost:4711/";
    for address in ["https://example.org/", "file:///etc/passwd", "http://localhost.example.org/", good] {
        let link = format!("<a id=new target=_blank rel=noopener href={address}>new</a>");
        window.ask(&format!("document.body.insertAdjacentHTML('afterbegin', '{link}')")).await;
        window.click("//a[@id='new']").await;
        window.ask(&format!("document.getElementById('new').remove(); location.href = '{address}'")).await;
    }
    assert_eq!(window.browsed(good).await, [good]);
    assert_eq!(window.ask("return location.href").await, before);
    window.close().await;
}

/// The main job: open, approve, start, read, type, and kill the window; the stack does not mind.
#[tokio::test]
async fn a_stack_outlives_its_window() {
    let home = tempfile::tempdir().unwrap();
    let stack = Stack::new(&home);
    let window = Window::open(&home, &["--file", &stack.manifest()]).await;
    window.see("//li[@data-service='ticker']").await;
    window.see("//li[@data-service='quiet']").await;

    window.click("//button[contains(., 'Start all')]").await;
    window.click("//button[contains(., 'Trust and start')]").await;
    for service in ["ticker", "quiet"] {
        window.see(&format!("//li[@data-service='{service}']//*[@aria-label='ready']")).await;
    }
    window.click("//*[@role='tab'][contains(., 'Logs')]").await;
    window.see("//*[@role='list']//*[contains(text(), 'tick 2')]").await;
    window.picture("running").await;
    window.click("//button[@aria-label='How lines are shown and saved']").await;
    window.click("//*[@role='menuitem'][contains(., 'as text')]").await;
    window.until("the lines were saved", || window.downloaded(".log").contains("tick 2")).await;

    window.click(&format!("//a[@href='http://localhost:{}']", stack.port)).await;
    let address = format!("http://localhost:{}/", stack.port);
    assert_eq!(window.browsed(&address).await, [address]);

    window.click("//*[@role='tab'][contains(., 'Terminal')]").await;
    window.click("//div[contains(@class, 'pick')]//button[contains(., 'quiet')]").await;
    window.see("//*[@data-terminal='quiet']//*[contains(@class, 'xterm-rows')]").await;
    window
        .enter("//*[@data-terminal='quiet']//textarea", "echo $((6 * 7))-typed; seq -s, 20000 | wc -c\n")
        .await;
    window.see("//*[contains(@class, 'xterm-rows')]//*[contains(., '42-typed')]").await;
    window.see("//*[contains(@class, 'xterm-rows')]//*[contains(., '108894')]").await;

    let session = stack.session();
    assert!(session.is_some(), "a session runs");
    window.kill();
    assert_eq!(stack.session(), session, "the session runs on without its window");
    assert_eq!(stack.states(), ["quiet running", "ticker running"]);

    let again = Window::open(&home, &[&stack.folder()]).await;
    again.see("//li[@data-service='ticker']//*[@aria-label='ready']").await;
    assert_eq!(stack.session(), session, "a second window shows the same session");
    again.close().await;
    assert_eq!(stack.session(), session, "closing a window stops nothing either");
    assert_eq!(stack.states(), ["quiet running", "ticker running"]);
}

/// A session that was killed is started anew by the window that shows it, and finds its containers.
#[tokio::test]
async fn a_window_outlives_its_session() {
    let home = tempfile::tempdir().unwrap();
    let stack = Stack::new(&home);
    stack.shoal(&["up", "-d"]);
    let window = Window::open(&home, &[&stack.manifest()]).await;
    window.see("//li[@data-service='ticker']//*[@aria-label='ready']").await;
    let (session, instances) = (stack.session().unwrap(), stack.instances());

    driven::kill(session);
    window.until("a new session runs", || stack.session().is_some_and(|new| new != session)).await;
    window.see("//footer[contains(., 'session')]").await;
    window.see("//li[@data-service='ticker']//*[@aria-label='ready']").await;
    assert_eq!(stack.instances(), instances, "no container was touched");
    window.click("//*[@role='tab'][contains(., 'Terminal')]").await;
    window.click("//div[contains(@class, 'pick')]//button[contains(., 'quiet')]").await;
    window.see("//*[contains(@class, 'xterm-rows')]//*[contains(., '#')]").await;
    window.close().await;
}
