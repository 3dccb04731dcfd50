//! The stack's captures: the one of its networks, and one for each running service whose loopback is to be heard.
//!
//! [`Captures`] holds what is wanted against what there is. Each capture has a task of its own ([`keeper`]) that starts
//! it, again and again where that may help, takes what it reports, and removes it in the end. What all of them are told
//! is in one place ([`told`]), and what they have counted is shown as one ([`shown`]).

mod keeper;
mod shown;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use model::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::shared::Shared;
use crate::tools::Tools;
pub(crate) use keeper::Heard;
use keeper::Keep;
pub(crate) use shown::{Shown, nothing, unheard};
pub(crate) use told::Hearing;

/// How long it is waited for a capture to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Where a capture listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Post {
    /// On the networks of the stack's containers.
    Networks,
    /// On the loopback of a service.
    Loopback(String),
}

impl Post {
    /// The service whose loopback it hears.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Networks => None,
            Self::Loopback(service) => Some(service),
        }
    }
}

/// A container as it runs: each start gives it another loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    pub container: String,
    pub started: Timestamp,
}

/// What is to be heard: where, and of a loopback in which container.
pub(crate) type Wanted = BTreeMap<Post, Option<Home>>;

struct Keeper {
    home: Option<Home>,
    /// Dropped when it is to end.
    end: oneshot::Sender<()>,
    over: watch::Receiver<()>,
}

/// A capture that is ending.
struct Leaving {
    post: Post,
    home: Option<Home>,
    over: watch::Receiver<()>,
}

/// The captures that there are.
#[derive(Default)]
pub(crate) struct Captures {
    keepers: BTreeMap<Post, Keeper>,
    leaving: Vec<Leaving>,
    /// Tells those that gave up to try again.
    again: watch::Sender<()>,
}

impl Captures {
    /// Ends what is not wanted any more and begins what is wanted. `first` is dropped when the networks' capture listens, or
    /// could not be started, or is none of what begins now.
    pub(crate) fn bring(
        &mut self,
        shared: &Arc<Shared>,
        engine: Option<&Engine>,
        tools: Option<&Tools>,
        wanted: &Wanted,
        mut first: Option<oneshot::Sender<()>>,
    ) {
        let stale = |(post, keeper): &(&Post, &Keeper)| wanted.get(*post) != Some(&keeper.home);
        let ended: Vec<Post> = self.keepers.iter().filter(stale).map(|(post, _)| post.clone()).collect();
        for post in &ended {
            self.end(post);
        }
        let (Some(engine), Some(tools)) = (engine, tools) else { return };
        for (post, home) in
            wanted.iter().filter(|(post, _)| !self.keepers.contains_key(*post)).collect::<Vec<_>>()
        {
            let (end, ending) = oneshot::channel();
            let (running, over) = watch::channel(());
            let keep = Keep {
                shared: shared.clone(),
                engine: engine.clone(),
                image: tools.image.clone(),
                post: post.clone(),
                home: home.clone(),
                again: self.again.subscribe(),
                // It has the name of the one before.
                before: self.leaving.iter().rfind(|leaving| leaving.post == *post).map(|l| l.over.clone()),
                first: if *post == Post::Networks { first.take() } else { None },
            };
            shared.spawn(async move {
                keep.run(ending).await;
                drop(running);
            });
            self.keepers.insert(post.clone(), Keeper { home: home.clone(), end, over });
        }
    }

    /// Those that gave up, or wait before they try again, try at once.
    pub(crate) fn try_again(&self) {
        self.again.send_replace(());
    }

    /// Ends when nothing listens in a container any more.
    pub(crate) fn gone_from(&mut self, container: &str) -> impl Future<Output = ()> + use<> {
        let within = |home: &Option<Home>| home.as_ref().is_some_and(|home| home.container == container);
        let posts: Vec<Post> =
            self.keepers.iter().filter(|(_, k)| within(&k.home)).map(|(post, _)| post.clone()).collect();
        for post in &posts {
            self.end(post);
        }
        gone(self.leaving.iter().filter(|l| within(&l.home)).map(|l| l.over.clone()).collect())
    }

    /// Ends when no capture is there any more.
    pub(crate) fn gone(&mut self) -> impl Future<Output = ()> + use<> {
        let posts: Vec<Post> = self.keepers.keys().cloned().collect();
        for post in &posts {
            self.end(post);
        }
        gone(self.leaving.iter().map(|leaving| leaving.over.clone()).collect())
    }

    fn end(&mut self, post: &Post) {
        self.leaving.retain(|leaving| leaving.over.has_changed().is_ok());
        if let Some(Keeper { home, end, over }) = self.keepers.remove(post) {
            drop(end);
            self.leaving.push(Leaving { post: post.clone(), home, over });
        }
    }
}

async fn gone(all: Vec<watch::Receiver<()>>) {
    for over in all {
        is_over(over).await;
    }
}

/// Waits for a capture's end, but not for ever.
async fn is_over(mut over: watch::Receiver<()>) {
    let ends = async { while over.changed().await.is_ok() {} };
    if tokio::time::timeout(GONE_WITHIN, ends).await.is_err() {
        tracing::warn!("a capture's container was not removed in time");
    }
}
