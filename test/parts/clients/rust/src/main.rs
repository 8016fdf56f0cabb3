//! A client over the crate `spiffe`; prints JSON lines. usage: client fetch AUDIENCE | watch COUNT

use std::{env, error::Error, time::Duration};

use spiffe::{JwtSvid, WorkloadApiClient, X509Source, X509Svid};
use x509_parser::prelude::{FromDer, X509Certificate};

fn x509_line(kind: &str, svid: &X509Svid) -> Result<(), Box<dyn Error>> {
    let (_, leaf) = X509Certificate::from_der(svid.leaf().as_bytes())?;
    println!(
        r#"{{"kind":"{kind}","spiffeId":"{}","serial":"{:x}","hint":"{}","chain":{}}}"#,
        svid.spiffe_id(),
        leaf.serial,
        svid.hint().unwrap_or_default(),
        svid.cert_chain().len()
    );
    Ok(())
}

async fn fetch(audience: &str) -> Result<(), Box<dyn Error>> {
    let client = WorkloadApiClient::connect_env().await?;
    let context = client.fetch_x509_context().await?;
    let svid = context.default_svid().ok_or("no SVID")?;
    x509_line("x509", svid)?;
    let own = svid.spiffe_id().trust_domain().clone();
    let x509 = client.fetch_x509_bundles().await?;
    let jwt = client.fetch_jwt_bundles().await?;
    println!(
        r#"{{"kind":"bundles","trustDomain":"{own}","x509Authorities":{},"jwtAuthorities":{}}}"#,
        x509.get(&own).ok_or("no X.509 bundle")?.authorities().len(),
        jwt.get(&own).ok_or("no JWT bundle")?.jwt_authorities().count()
    );
    let token = client.fetch_jwt_token([audience], None).await?;
    let parsed = JwtSvid::from_workload_api_token(&token)?;
    println!(r#"{{"kind":"jwt","spiffeId":"{}","token":"{token}"}}"#, parsed.spiffe_id());
    let validated = client.validate_jwt_token(audience, &token).await?;
    println!(r#"{{"kind":"validated","spiffeId":"{}"}}"#, validated.spiffe_id());
    Ok(())
}

async fn watch(count: usize) -> Result<(), Box<dyn Error>> {
    let source = X509Source::new().await?;
    let mut updates = source.updated();
    let mut last = Vec::new();
    let mut seen = 0;
    loop {
        // The source also tells of the update that it began with.
        let svid = source.svid()?;
        if svid.leaf().as_bytes() != last {
            last = svid.leaf().as_bytes().to_vec();
            x509_line("update", svid.as_ref())?;
            seen += 1;
        }
        if seen == count {
            break;
        }
        updates.changed().await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fetch", audience] => tokio::time::timeout(Duration::from_secs(20), fetch(audience)).await?,
        ["watch", count] => tokio::time::timeout(Duration::from_secs(300), watch(count.parse()?)).await?,
        _ => Err("usage: client fetch AUDIENCE | watch COUNT".into()),
    }
}
