//! A small part of Tango's API, enough to try a token.

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::authorization::Authorized;
use crate::paths;
use crate::sandbox::Sandbox;
use crate::tango_error::TangoError;

const ACCOUNT: &str = "sandbox-account";

/// Returns the routes of the API.
pub fn routes() -> Router<Arc<Sandbox>> {
    let api = Router::new()
        .route("/accounts", get(accounts))
        .route("/accounts/{accountIdentifier}", get(account))
        .route("/catalogs", get(catalogs))
        .route("/orders", post(order));
    Router::new().nest(paths::API, api)
}

async fn accounts(_: Authorized) -> Json<Value> {
    Json(json!([{
        "accountIdentifier": ACCOUNT,
        "accountNumber": "A00000001",
        "displayName": "Sandbox Account",
        "createdAt": "2024-01-01T00:00:00.000Z",
        "status": "ACTIVE",
    }]))
}

async fn account(_: Authorized, identifier: Result<Path<String>, PathRejection>) -> Result<Json<Value>, TangoError> {
    // An identifier that is not UTF-8 is unknown as well.
    if !identifier.is_ok_and(|Path(identifier)| identifier == ACCOUNT) {
        let error = TangoError::new(StatusCode::NOT_FOUND, "account.not.found", "there is no such account");
        return Err(error.at("accountIdentifier"));
    }
    Ok(Json(json!({
        "accountIdentifier": ACCOUNT,
        "accountNumber": "A00000001",
        "displayName": "Sandbox Account",
        "contactEmail": "sandbox@example.com",
        "currencyCode": "USD",
        "currentBalance": 1000.00,
        "createdAt": "2024-01-01T00:00:00.000Z",
        "status": "ACTIVE",
    })))
}

/// Accepts an order, whatever its body, so that a test can make a request that is not a GET.
async fn order(_: Authorized) -> (StatusCode, Json<Value>) {
    let order = json!({"referenceOrderID": "RA000000-000000-01", "status": "COMPLETE"});
    (StatusCode::CREATED, Json(order))
}

async fn catalogs(_: Authorized) -> Json<Value> {
    Json(json!({
        "catalogName": "Sandbox Catalog",
        "brands": [{
            "brandKey": "B000001",
            "brandName": "Sandbox Coffee",
            "status": "active",
            "items": [{
                "utid": "U000001",
                "rewardName": "Sandbox Coffee Gift Card",
                "currencyCode": "USD",
                "status": "active",
                "valueType": "VARIABLE_VALUE",
                "rewardType": "gift card",
                "minValue": 5.00,
                "maxValue": 500.00,
                "countries": ["US"],
            }],
        }],
    }))
}
