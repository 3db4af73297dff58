//! Orders: found by what they say, revised, decided.

use loket_core::message::{Address, AddressKind, Message, Party};
use loket_core::order::{Decision, Order, OrderKind, OrderLine, Outcome};
use loket_core::outbound::{NewOutbound, OutboundFilter, OutboundKind};
use loket_core::same::Relation;
use loket_core::store::{DecidedOrder, Filed, OrderFilter, OrderRecord, OrderStatus, Page};

use crate::place::{Place, Shop, unique};

fn order(po: &str, kind: OrderKind, quantity: u32) -> Order {
    let line =
        OrderLine { number: Some("1".into()), seller_item: Some("KP-80".into()), quantity: Some(quantity.into()), ..OrderLine::default() };
    Order { po_number: Some(po.into()), kind, lines: vec![line], ..Order::default() }
}

fn by_edi(buyer: &str, order: Order) -> Message {
    let address = Some(Address { kind: AddressKind::Edi, value: buyer.into() });
    let mut message = Message { from: Some(Party { address, ..Party::default() }), order: Some(Box::new(order)), ..Message::default() };
    message.body.full_text = unique("bestelling");
    message
}

async fn orders(shop: &Shop, filter: &OrderFilter) -> Vec<OrderRecord> {
    shop.store.orders(&shop.tenant, filter, &Page::first(100)).await.unwrap()
}

fn link(filed: &Filed) -> (Relation, &str) {
    (filed.links[0].relation, filed.links[0].rule.as_str())
}

pub(crate) async fn an_order_is_found_by_what_it_says(place: Place) {
    let shop = Shop::open(place).await;
    for (buyer, po) in [("8712345000004", "PO-4711"), ("8712345000004", "PO-4712"), ("8799999000003", "PO-4711")] {
        shop.receive(by_edi(buyer, order(po, OrderKind::New, 12))).await;
    }
    let found = |filter: OrderFilter| {
        let shop = &shop;
        async move { orders(shop, &filter).await.into_iter().map(|record| record.order.po_number.unwrap()).collect::<Vec<_>>() }
    };
    assert_eq!(found(OrderFilter::default()).await, ["PO-4711", "PO-4712", "PO-4711"]);
    assert_eq!(found(OrderFilter { po_number: Some("po 4711".into()), ..OrderFilter::default() }).await.len(), 2);
    assert_eq!(found(OrderFilter { buyer: Some("edi:8712345000004".into()), ..OrderFilter::default() }).await, ["PO-4712", "PO-4711"]);
    assert_eq!(found(OrderFilter { status: Some(OrderStatus::Accepted), ..OrderFilter::default() }).await.len(), 0);
    let all = orders(&shop, &OrderFilter::default()).await;
    assert_eq!(found(OrderFilter { case: all[0].case, ..OrderFilter::default() }).await, ["PO-4711"]);
    assert_eq!(found(OrderFilter { since: Some(all[0].received_at), ..OrderFilter::default() }).await.len(), 1);
    assert_eq!(found(OrderFilter { until: Some(all[0].received_at), ..OrderFilter::default() }).await.len(), 2);
    let page = Page { after: Some((all[0].received_at, all[0].id)), limit: 1 };
    assert_eq!(shop.store.orders(&shop.tenant, &OrderFilter::default(), &page).await.unwrap()[0].id, all[1].id);
    assert_eq!(shop.store.order(&shop.tenant, all[1].id).await.unwrap().unwrap().order, all[1].order);
    assert!(shop.store.order(&"other".into_tenant(), all[1].id).await.unwrap().is_none());
}

trait IntoTenant {
    fn into_tenant(self) -> loket_core::delivery::Tenant;
}

impl IntoTenant for &str {
    fn into_tenant(self) -> loket_core::delivery::Tenant {
        loket_core::delivery::Tenant::new(self)
    }
}

pub(crate) async fn a_revision_takes_the_place_of_the_one_before(place: Place) {
    let shop = Shop::open(place).await;
    let buyer = "8712345000004";
    let first = shop.receive(by_edi(buyer, order("4711", OrderKind::New, 12))).await;
    assert_eq!(link(&first).0, Relation::New);
    let case = shop.case_of(&first).await;
    // The same order by another way, and in the spelling of people.
    let again = shop.receive(by_edi(buyer, order("0004711", OrderKind::New, 12))).await;
    assert_eq!((link(&again), shop.case_of(&again).await), ((Relation::Duplicate, "order"), case.clone()));
    assert_eq!(orders(&shop, &OrderFilter::default()).await.len(), 1, "a copy is no revision");
    let change = shop.receive(by_edi(buyer, order("4711", OrderKind::Change, 15))).await;
    assert_eq!((link(&change), shop.case_of(&change).await), ((Relation::Revision, "order"), case.clone()));
    // Another buyer's number, and another number of the same buyer, are other orders; in one batch too.
    let others = vec![by_edi("8799999000003", order("4711", OrderKind::New, 12)), by_edi(buyer, order("4713", OrderKind::New, 12))];
    assert!(shop.receive_all(others).await.iter().all(|filed| link(filed).0 == Relation::New));
    let both = vec![by_edi(buyer, order("4714", OrderKind::New, 1)), by_edi(buyer, order("4714", OrderKind::New, 2))];
    let both = shop.receive_all(both).await;
    assert_eq!((link(&both[0]).0, link(&both[1]).0), (Relation::New, Relation::Revision));

    let filter = OrderFilter { po_number: Some("4711".into()), buyer: Some(format!("edi:{buyer}")), ..OrderFilter::default() };
    let found = orders(&shop, &filter).await;
    assert_eq!(
        found.iter().map(|one| (one.revision, one.status)).collect::<Vec<_>>(),
        [(2, OrderStatus::Open), (1, OrderStatus::Superseded)]
    );
    shop.receive(by_edi(buyer, order("4711", OrderKind::Cancel, 15))).await;
    let found = orders(&shop, &filter).await;
    let statuses: Vec<_> = found.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [OrderStatus::Open, OrderStatus::Cancelled, OrderStatus::Superseded]);
    let revisions = shop.store.order_revisions(&shop.tenant, found[1].id).await.unwrap();
    assert_eq!(revisions.iter().map(|one| one.revision).collect::<Vec<_>>(), [1, 2, 3]);
    let case = shop.store.case(&shop.tenant, case.unwrap().parse().unwrap()).await.unwrap().unwrap();
    let kinds: Vec<_> = shop.store.case_events(&shop.tenant, case.id, 9).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["case.opened", "message.duplicate", "order.revised", "order.revised"]);
}

pub(crate) async fn an_order_is_decided_once(place: Place) {
    let shop = Shop::open(place).await;
    shop.receive(by_edi("8712345000004", order("4711", OrderKind::New, 12))).await;
    let record = orders(&shop, &OrderFilter::default()).await.remove(0);
    let decision = Decision { outcome: Outcome::Rejected, reason: Some("Niet leverbaar".into()), ..Decision::default() };
    let answer = NewOutbound {
        tenant: shop.tenant.clone(),
        sender: "edi.bouw".into(),
        kind: OutboundKind::OrderResponse,
        key: format!("order-response/{}", record.id),
        case: None,
        message: Some(record.message),
        delivery: None,
        content: serde_json::json!({ "decision": decision }),
    };
    let decided = DecidedOrder { order: record.clone(), decision: decision.clone(), answer: Some(answer) };
    let (one, two) = tokio::join!(shop.store.decide_order(&decided, "sleutel"), shop.store.decide_order(&decided, "sleutel"));
    assert_eq!([one.unwrap(), two.unwrap()].into_iter().filter(|done| *done).count(), 1);
    let record = shop.store.order(&shop.tenant, record.id).await.unwrap().unwrap();
    assert_eq!((record.status, record.decision), (OrderStatus::Rejected, Some(decision)));
    let outbound = shop.store.outbounds(&shop.tenant, &OutboundFilter::default(), &Page::first(9)).await.unwrap();
    assert_eq!(outbound.iter().map(|one| (one.kind, one.case)).collect::<Vec<_>>(), [(OutboundKind::OrderResponse, record.case)]);
    let case = shop.store.case(&shop.tenant, record.case.unwrap()).await.unwrap().unwrap();
    let kinds: Vec<_> = shop.store.case_events(&shop.tenant, case.id, 9).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["case.opened", "order.decided", "order-response.asked"]);
}
