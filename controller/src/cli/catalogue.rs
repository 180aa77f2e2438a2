//! `line3 catalogue`: a firmware's catalogue, loaded before its first box connects.

use super::Exit;
use super::args::CatalogueArgs;
use super::session::{Failure, Session};
use crate::api::MAX_BODY;
use crate::views::{CatalogueRequest, CatalogueView};

pub(super) fn load(session: &mut Session<'_>, args: CatalogueArgs) -> Result<Exit, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", args.file.display()));
    let size = std::fs::metadata(&args.file).map_err(|error| wrong(error.to_string()))?.len();
    if size > MAX_BODY as u64 / 2 {
        return Err(wrong(format!("{size} bytes are no catalogue; it is the file that `line3-agent --catalogue` writes")));
    }
    let catalogue = std::fs::read_to_string(&args.file).map_err(|error| wrong(error.to_string()))?;
    let answer = session.client.post("/api/catalogues", &CatalogueRequest { catalogue, reason: args.reason })?;
    if let Some(view) = session.hand_over::<CatalogueView>(&answer)? {
        let CatalogueView { digest, objects, commands, events } = view;
        session.screen.line(&format!("kept: {objects} objects, {commands} commands, {events} events; digest {digest}"))?;
    }
    Ok(Exit::Done)
}
