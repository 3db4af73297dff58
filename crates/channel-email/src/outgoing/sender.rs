//! Makes and sends the mails of one `[outgoing.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loket_core::channel::ChannelCx;
use loket_core::classify::Class;
use loket_core::delivery::Delivery;
use loket_core::outbound::{Outbound, OutboundKind, Prepared, Reply, Sender, SenderCx, Undone};
use loket_core::store::{CaseRecord, MessageRecord};
use loket_core::time::Timestamp;
use serde_json::{Value, json};

use super::address::{Mailbox, one_line};
use super::compose::{Draft, Subject, compose};
use super::config::OutgoingConfig;
use super::guards::{self, Signs, Spent};
use super::ledger::{HOUR, Ledger};
use super::people::{greeting_name, recipient};
use super::smtp::{Parcel, Smtp};
use super::templates::{Facts, Templates, Values, Words};

const DAY: Duration = Duration::from_secs(86_400);
/// Recipients of one reply.
const MOST_RECIPIENTS: usize = 50;

/// Sends by one mail server.
pub(super) struct MailSender {
    config: Arc<OutgoingConfig>,
    templates: Templates,
    smtp: Smtp,
    ledger: Ledger,
}

/// What an answer is made from.
struct Answered {
    case: Option<CaseRecord>,
    message: Option<MessageRecord>,
}

impl MailSender {
    pub(super) fn new(config: Arc<OutgoingConfig>, templates: Templates, cx: ChannelCx) -> Self {
        Self { smtp: Smtp::new(Arc::clone(&config), cx), config, templates, ledger: Ledger::default() }
    }

    /// Keeps connections and tokens in order, for ever.
    pub(super) async fn keep(&self) {
        self.smtp.keep().await;
    }

    pub(super) async fn hang_up(&self) {
        self.smtp.hang_up().await;
    }

    /// The acknowledgement of receipt for a message that opened a case.
    async fn acknowledge(&self, item: &Outbound, cx: &SenderCx) -> Result<Prepared, Undone> {
        let gone = || Undone::Withhold("the case, or the message that opened it, is not there any more".into());
        let case = cx.case(item).await?.ok_or_else(gone)?;
        let message = match item.message {
            Some(id) => cx.message(&item.tenant, id).await?,
            None => None,
        };
        let record = message.ok_or_else(gone)?;
        let message = &record.message;
        let Some((party, address)) = recipient(message) else {
            return Err(Undone::Withhold("its sender has no mail address".into()));
        };
        let to = Mailbox::new(party.name.as_deref(), address).map_err(|why| Undone::Withhold(format!("{address} {why}")))?;
        let delivery = cx.delivery(&item.tenant, record.delivery).await?;
        let mail = delivery.as_ref().filter(|delivery| is_mail(delivery));
        let facts = guards::Facts {
            message,
            signs: &mail.map(|delivery| Signs::of(&delivery.payload)).unwrap_or_default(),
            mail_from: mail.and_then(|delivery| delivery.envelope_text("mail_from")),
            to: to.address(),
            own: &self.config.own,
        };
        if let Some(why) = guards::withheld(&facts) {
            return Err(Undone::Withhold(why));
        }
        let now = Timestamp::now();
        let spent = Spent {
            address_hour: cx.recently(item, to.address(), now.minus(HOUR)).await?,
            address_day: cx.recently(item, to.address(), now.minus(DAY)).await?,
            hour: 0,
        };
        let language = self.templates.language(case.language.as_deref(), &self.config.language);
        // What is not sure is not said: a wrong "thank you for your order" is worse than none.
        let class = if case.review { Class::Inquiry } else { case.class };
        let name = greeting_name(party.name.as_deref());
        let values = Values::new(
            &Facts {
                name: &name,
                company: self.company(),
                case: Some(case.number),
                class,
                unsure: case.review,
                subject: message.subject.as_deref().unwrap_or_default(),
                received: record.received_at,
                sent: message.sent_at,
                channel: &record.channel,
                order: message.order.as_deref().filter(|_| class == Class::Order),
                text: "",
            },
            language,
        );
        let words = self.templates.acknowledgement(language, class, &values).map_err(Undone::Never)?;
        // Last, so that nothing is counted that does not go out.
        self.ledger.enter(item.id, to.address(), now, &self.config.budget, spent).map_err(Undone::Withhold)?;
        let answered = Answered { case: Some(case), message: Some(record) };
        self.made(item, cx, &answered, &[to], &[], None, &words, now)
    }

    /// What an agent answers.
    async fn reply(&self, item: &Outbound, cx: &SenderCx) -> Result<Prepared, Undone> {
        let reply: Reply = serde_json::from_value(item.content.clone())
            .map_err(|error| Undone::Never(format!("its content is not that of a reply: {error}")))?;
        let case = cx.case(item).await?;
        let message = match item.message {
            Some(id) => cx.message(&item.tenant, id).await?,
            None => None,
        };
        let unfit = |address: &str, why: &dyn std::fmt::Display| Undone::Never(format!("{} {why}", one_line(address, 300)));
        let customer = message.as_ref().and_then(|record| recipient(&record.message));
        // The signed address was right, but nobody knows who wrote: what is meant for the customer must not go to somebody else.
        if let (None, Some((_, address)), true) = (&reply.to, customer, message.as_ref().is_some_and(|record| record.link.unverified)) {
            return Err(Undone::Never(format!(
                "{} wrote to the case and is new to it: say in `to` to whom this goes",
                one_line(address, 300)
            )));
        }
        let to = match (&reply.to, customer) {
            (Some(to), _) => Mailbox::parse(to).map_err(|why| unfit(to, &why))?,
            (None, Some((party, address))) => Mailbox::new(party.name.as_deref(), address).map_err(|why| unfit(address, &why))?,
            (None, None) => {
                return Err(Undone::Never(
                    "the customer has no mail address: answer by phone or by post, or say in `to` where to write".into(),
                ));
            }
        };
        let cc: Vec<Mailbox> = reply.cc.iter().map(|cc| Mailbox::parse(cc).map_err(|why| unfit(cc, &why))).collect::<Result<_, _>>()?;
        if cc.len() >= MOST_RECIPIENTS {
            return Err(Undone::Never(format!("more than {MOST_RECIPIENTS} recipients")));
        }
        let theirs = case.as_ref().and_then(|case| case.language.as_deref());
        let language = self.templates.language(theirs, &self.config.language);
        let name = greeting_name(to.name());
        let subject = message.as_ref().and_then(|record| record.message.subject.as_deref());
        let now = Timestamp::now();
        let values = Values::new(
            &Facts {
                name: &name,
                company: self.company(),
                case: item.case,
                class: case.as_ref().map_or(Class::Inquiry, |case| case.class),
                unsure: case.as_ref().is_some_and(|case| case.review),
                subject: subject.unwrap_or_default(),
                received: message.as_ref().map_or(now, |record| record.received_at),
                sent: message.as_ref().and_then(|record| record.message.sent_at),
                channel: message.as_ref().map(|record| record.channel.as_str()).unwrap_or_default(),
                order: message.as_ref().and_then(|record| record.message.order.as_deref()),
                text: &reply.text,
            },
            language,
        );
        let words = self.templates.reply(language, &values).map_err(Undone::Never)?;
        self.made(item, cx, &Answered { case, message }, &[to], &cc, reply.subject.as_deref(), &words, now)
    }

    /// The mail itself, signed, with its envelope.
    #[expect(clippy::too_many_arguments, reason = "each is one part of the mail")]
    fn made(
        &self,
        item: &Outbound,
        cx: &SenderCx,
        answered: &Answered,
        to: &[Mailbox],
        cc: &[Mailbox],
        subject: Option<&str>,
        words: &Words,
        at: Timestamp,
    ) -> Result<Prepared, Undone> {
        let automatic = item.kind == OutboundKind::Acknowledgement;
        let message = answered.message.as_ref().map(|record| &record.message);
        let theirs = answered.case.as_ref().and_then(|case| case.language.as_deref());
        let language = self.templates.language(theirs, &self.config.language);
        let of_message = message.and_then(|message| message.subject.as_deref()).filter(|subject| !subject.trim().is_empty());
        let subject = match (subject.or(words.subject.as_deref()), of_message) {
            (Some(subject), _) => Subject::Own(subject),
            (None, Some(subject)) => Subject::Answer(subject),
            (None, None) => Subject::Answer(Templates::without_subject(language)),
        };
        let reply_to = self.config.reply_address.as_ref().and_then(|address| Some(address.with(&cx.reply_mark(item)?)));
        let reply_to = reply_to.and_then(|address| Mailbox::new(self.config.from.name(), &address).ok());
        let mail = compose(&Draft {
            id: item.id,
            from: &self.config.from,
            to,
            cc,
            reply_to,
            subject,
            case: item.case,
            answers: message,
            at,
            automatic,
            text: &words.text,
        });
        let signature = match &self.config.dkim {
            // Without its key it waits: mail without its signature may be taken for somebody else's.
            Some(dkim) => dkim.key().and_then(|key| dkim.sign(&key, &mail.head, &mail.body, at)).map_err(Undone::Later)?,
            None => String::new(),
        };
        // Nothing comes back for an acknowledgement (RFC 3834 section 3.3); for a reply it comes back to us.
        let mail_from = if automatic { "" } else { self.config.from.address() };
        Ok(Prepared {
            identity: Some(mail.message_id.clone()),
            to: to.iter().chain(cc).map(|mailbox| mailbox.address().to_owned()).collect(),
            payload: mail.into_bytes(&signature),
            envelope: json!({ "mail_from": mail_from }),
        })
    }

    /// Who writes: the name in `from`, or else its domain.
    fn company(&self) -> &str {
        self.config.from.name().unwrap_or_else(|| self.config.from.domain())
    }
}

fn is_mail(delivery: &Delivery) -> bool {
    delivery.media_type.starts_with("message/")
}

#[async_trait]
impl Sender for MailSender {
    async fn prepare(&self, item: &Outbound, cx: &SenderCx) -> Result<Prepared, Undone> {
        match item.kind {
            OutboundKind::Acknowledgement => self.acknowledge(item, cx).await,
            OutboundKind::Reply => self.reply(item, cx).await,
            other => Err(Undone::Never(format!("mail is no way to send this ({})", other.name()))),
        }
    }

    async fn send(&self, _item: &Outbound, prepared: &Prepared) -> Result<String, Undone> {
        let mail_from = prepared.envelope.get("mail_from").and_then(Value::as_str);
        let mail_from = mail_from.ok_or_else(|| Undone::Never("what was made of it has no sender in its envelope".into()))?;
        self.smtp.send(Parcel { mail_from, to: &prepared.to, bytes: &prepared.payload }).await
    }
}
