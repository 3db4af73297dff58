//! Orders in XML: UBL 2, cXML, openTRANS, GS1 XML 3 and OAGIS into messages, and the answers to them.
//!
//! The way of a delivery, top to bottom:
//! 1. [`xml`] decodes the bytes and reads one document after the other into a tree, with limits on everything that comes from outside;
//! 2. [`dialect`] finds the business documents in a tree, whatever is around them ([`envelope`], SOAP, lists), and reads each into a
//!    draft; [`fill`] sets the fields with their places, [`numbers`], [`dates`] and [`codes`] read the values;
//! 3. [`leftover`] keeps what no field holds by the format's own names;
//! 4. [`message`] makes the message of it. A document or an order that is wrong is set aside by [`reader`], the others go on.
//!
//! [`acknowledge`] says over the same connection that a cXML order arrived; [`order_response`] says later what becomes of an order, in
//! the vocabulary that it came in.

mod acknowledge;
mod codes;
mod dates;
mod dialect;
mod envelope;
mod fill;
mod leftover;
mod message;
mod numbers;
mod reader;
mod recognize;
mod response;
mod xml;

pub use acknowledge::{AckOptions, acknowledge};
pub use reader::XmlOrderReader;
pub use response::{Credential, ResponseOptions, order_response};
