//! The methods of AMQP 0-9-1 and of `RabbitMQ`'s extensions to it: their numbers, who sends them, what they answer, and
//! what they say.

use Arg::{Bits, Long, LongLong, Name, Short, Table, Target, Ticket};
use Sender::{Both, Client, Server};

/// Who sends a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
    Both,
}

/// One argument of a method.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arg {
    /// Two bytes that mean nothing any more.
    Ticket,
    /// The name of what the method is about.
    Target,
    Name(&'static str),
    Short(&'static str),
    Long(&'static str),
    LongLong(&'static str),
    /// Up to eight of them, in one octet.
    Bits(&'static [&'static str]),
    Table,
}

/// One method.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) class: u16,
    pub(super) id: u16,
    pub(super) name: &'static str,
    pub(super) sender: Sender,
    /// The method of the same class that it answers.
    pub(super) answers: Option<u16>,
    /// What is worth telling. Those of the handshake are read elsewhere, and a secret is not read at all.
    pub(super) args: &'static [Arg],
}

pub(super) const CONNECTION: u16 = 10;
pub(super) const CHANNEL: u16 = 20;
pub(super) const QUEUE: u16 = 50;
pub(super) const BASIC: u16 = 60;
pub(super) const CONFIRM: u16 = 85;

const fn asks(class: u16, id: u16, name: &'static str, sender: Sender, args: &'static [Arg]) -> Spec {
    Spec { class, id, name, sender, answers: None, args }
}

const fn answers(
    class: u16,
    id: u16,
    name: &'static str,
    sender: Sender,
    asked: u16,
    args: &'static [Arg],
) -> Spec {
    Spec { class, id, name, sender, answers: Some(asked), args }
}

const CLOSE: &[Arg] = &[Short("reply-code"), Name("reply-text"), Short("class"), Short("method")];
const SETTLE: &[Arg] = &[LongLong("delivery-tag"), Bits(&["multiple", "requeue"])];
const COUNT: &[Arg] = &[Long("message-count")];
const TAG: &[Arg] = &[Name("consumer-tag")];

/// In the order of class and number.
static METHODS: &[Spec] = &[
    asks(10, 10, "Connection.Start", Server, &[]),
    answers(10, 11, "Connection.StartOk", Client, 10, &[]),
    asks(10, 20, "Connection.Secure", Server, &[]),
    answers(10, 21, "Connection.SecureOk", Client, 20, &[]),
    asks(10, 30, "Connection.Tune", Server, &[]),
    answers(10, 31, "Connection.TuneOk", Client, 30, &[]),
    asks(10, 40, "Connection.Open", Client, &[]),
    answers(10, 41, "Connection.OpenOk", Server, 40, &[]),
    asks(10, 50, "Connection.Close", Both, CLOSE),
    answers(10, 51, "Connection.CloseOk", Both, 50, &[]),
    asks(10, 60, "Connection.Blocked", Server, &[Name("reason")]),
    asks(10, 61, "Connection.Unblocked", Server, &[]),
    asks(10, 70, "Connection.UpdateSecret", Client, &[]),
    answers(10, 71, "Connection.UpdateSecretOk", Server, 70, &[]),
    asks(20, 10, "Channel.Open", Client, &[]),
    answers(20, 11, "Channel.OpenOk", Server, 10, &[]),
    asks(20, 20, "Channel.Flow", Both, &[Bits(&["active"])]),
    answers(20, 21, "Channel.FlowOk", Both, 20, &[]),
    asks(20, 40, "Channel.Close", Both, CLOSE),
    answers(20, 41, "Channel.CloseOk", Both, 40, &[]),
    asks(30, 10, "Access.Request", Client, &[Target]),
    answers(30, 11, "Access.RequestOk", Server, 10, &[]),
    asks(
        40,
        10,
        "Exchange.Declare",
        Client,
        &[
            Ticket,
            Target,
            Name("type"),
            Bits(&["passive", "durable", "auto-delete", "internal", "nowait"]),
            Table,
        ],
    ),
    answers(40, 11, "Exchange.DeclareOk", Server, 10, &[]),
    asks(40, 20, "Exchange.Delete", Client, &[Ticket, Target, Bits(&["if-unused", "nowait"])]),
    answers(40, 21, "Exchange.DeleteOk", Server, 20, &[]),
    asks(
        40,
        30,
        "Exchange.Bind",
        Client,
        &[Ticket, Target, Name("source"), Name("routing-key"), Bits(&["nowait"]), Table],
    ),
    answers(40, 31, "Exchange.BindOk", Server, 30, &[]),
    asks(
        40,
        40,
        "Exchange.Unbind",
        Client,
        &[Ticket, Target, Name("source"), Name("routing-key"), Bits(&["nowait"]), Table],
    ),
    answers(40, 51, "Exchange.UnbindOk", Server, 40, &[]),
    asks(
        50,
        10,
        "Queue.Declare",
        Client,
        &[Ticket, Target, Bits(&["passive", "durable", "exclusive", "auto-delete", "nowait"]), Table],
    ),
    answers(
        50,
        11,
        "Queue.DeclareOk",
        Server,
        10,
        &[Name("queue"), Long("message-count"), Long("consumer-count")],
    ),
    asks(
        50,
        20,
        "Queue.Bind",
        Client,
        &[Ticket, Target, Name("exchange"), Name("routing-key"), Bits(&["nowait"]), Table],
    ),
    answers(50, 21, "Queue.BindOk", Server, 20, &[]),
    asks(50, 30, "Queue.Purge", Client, &[Ticket, Target, Bits(&["nowait"])]),
    answers(50, 31, "Queue.PurgeOk", Server, 30, COUNT),
    asks(50, 40, "Queue.Delete", Client, &[Ticket, Target, Bits(&["if-unused", "if-empty", "nowait"])]),
    answers(50, 41, "Queue.DeleteOk", Server, 40, COUNT),
    asks(50, 50, "Queue.Unbind", Client, &[Ticket, Target, Name("exchange"), Name("routing-key"), Table]),
    answers(50, 51, "Queue.UnbindOk", Server, 50, &[]),
    asks(60, 10, "Basic.Qos", Client, &[Long("prefetch-size"), Short("prefetch-count"), Bits(&["global"])]),
    answers(60, 11, "Basic.QosOk", Server, 10, &[]),
    asks(
        60,
        20,
        "Basic.Consume",
        Client,
        &[Ticket, Target, Name("consumer-tag"), Bits(&["no-local", "no-ack", "exclusive", "nowait"]), Table],
    ),
    answers(60, 21, "Basic.ConsumeOk", Server, 20, TAG),
    asks(60, 30, "Basic.Cancel", Both, &[Name("consumer-tag"), Bits(&["nowait"])]),
    answers(60, 31, "Basic.CancelOk", Both, 30, TAG),
    asks(
        60,
        40,
        "Basic.Publish",
        Client,
        &[Ticket, Name("exchange"), Name("routing-key"), Bits(&["mandatory", "immediate"])],
    ),
    asks(
        60,
        50,
        "Basic.Return",
        Server,
        &[Short("reply-code"), Name("reply-text"), Name("exchange"), Name("routing-key")],
    ),
    asks(
        60,
        60,
        "Basic.Deliver",
        Server,
        &[
            Name("consumer-tag"),
            LongLong("delivery-tag"),
            Bits(&["redelivered"]),
            Name("exchange"),
            Name("routing-key"),
        ],
    ),
    asks(60, 70, "Basic.Get", Client, &[Ticket, Target, Bits(&["no-ack"])]),
    answers(
        60,
        71,
        "Basic.GetOk",
        Server,
        70,
        &[
            LongLong("delivery-tag"),
            Bits(&["redelivered"]),
            Name("exchange"),
            Name("routing-key"),
            Long("message-count"),
        ],
    ),
    answers(60, 72, "Basic.GetEmpty", Server, 70, &[]),
    asks(60, 80, "Basic.Ack", Both, SETTLE),
    asks(60, 90, "Basic.Reject", Client, &[LongLong("delivery-tag"), Bits(&["requeue"])]),
    asks(60, 100, "Basic.RecoverAsync", Client, &[Bits(&["requeue"])]),
    asks(60, 110, "Basic.Recover", Client, &[Bits(&["requeue"])]),
    answers(60, 111, "Basic.RecoverOk", Server, 110, &[]),
    asks(60, 120, "Basic.Nack", Both, SETTLE),
    asks(85, 10, "Confirm.Select", Client, &[Bits(&["nowait"])]),
    answers(85, 11, "Confirm.SelectOk", Server, 10, &[]),
    asks(90, 10, "Tx.Select", Client, &[]),
    answers(90, 11, "Tx.SelectOk", Server, 10, &[]),
    asks(90, 20, "Tx.Commit", Client, &[]),
    answers(90, 21, "Tx.CommitOk", Server, 20, &[]),
    asks(90, 30, "Tx.Rollback", Client, &[]),
    answers(90, 31, "Tx.RollbackOk", Server, 30, &[]),
];

pub(super) fn method(class: u16, id: u16) -> Option<&'static Spec> {
    let place = METHODS.binary_search_by_key(&(class, id), |spec| (spec.class, spec.id)).ok()?;
    METHODS.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_in_order_and_every_answer_has_its_question() {
        assert!(METHODS.is_sorted_by_key(|spec| (spec.class, spec.id)));
        for spec in METHODS.iter().filter(|spec| spec.answers.is_some()) {
            let asked = method(spec.class, spec.answers.unwrap()).unwrap();
            assert!(spec.name.starts_with(asked.name), "{} answers {}", spec.name, asked.name);
        }
        assert_eq!(method(60, 40).unwrap().name, "Basic.Publish");
        assert!(method(60, 41).is_none());
    }
}
