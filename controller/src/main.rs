//! `line3`: the server and the engineer's command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use line3_controller::certificates::{self, Order};
use line3_controller::cli::{self, Cli, DemoArgs, Dispatch, PkiArgs, PkiCommand, ServeArgs};
use line3_controller::config::Config;
use line3_controller::serve::{Server, told_to_stop};
use line3_controller::setup::{announce, prepare};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match dispatch(cli::run(Cli::parse())) {
        Ok(code) => code,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "this is where the program speaks")]
            {
                eprintln!("line3: {}", said(&error));
            }
            ExitCode::from(2)
        }
    }
}

/// An error and its causes. Many of ours quote their cause already, and nothing is said twice.
fn said(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        before if before.contains(cause.trim_end()) => said,
        before => format!("{before}: {cause}"),
    })
}

fn dispatch(dispatch: Dispatch) -> Result<ExitCode> {
    match dispatch {
        Dispatch::Done(exit) => return Ok(exit.into()),
        Dispatch::Serve(args) => serve(args)?,
        Dispatch::Demo(args) => demo(args)?,
        Dispatch::Agent(args) => agent(&args.config)?,
        Dispatch::Pki(args) => pki(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn data_dir(given: Option<PathBuf>) -> Result<PathBuf> {
    cli::data_dir(given.as_deref()).context("no data directory: give one by --data DIR (there is no home directory)")
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let filter = EnvFilter::try_from_env("LINE3_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime")
}

fn serve(args: ServeArgs) -> Result<()> {
    let data = data_dir(args.data)?;
    runtime()?.block_on(async {
        let (prepared, pki, _) = prepare(&data)?;
        let config = args.config.map_or(Ok(prepared), |file| Config::read(&file))?;
        let server = Server::start(&data, &config, &pki, Vec::new()).await?;
        announce(&data, &format!("http://{}", server.api))?;
        let broker = match (server.broker_addr, &config.broker) {
            (Some(address), _) => format!("{address} (embedded, mutual TLS)"),
            (None, Some(broker)) => format!("{}:{}", broker.host, broker.port),
            (None, None) => String::new(),
        };
        #[allow(clippy::print_stdout, reason = "this is where the program speaks")]
        {
            println!("Line3\n  data    {}\n  broker  {broker}\n  API     http://{}\nCtrl-C stops it.", data.display(), server.api);
        }
        told_to_stop().await;
        server.stop().await;
        Ok(())
    })
}

#[cfg(feature = "demo")]
fn demo(args: DemoArgs) -> Result<()> {
    let by_default = args.data.is_none();
    let data = data_dir(args.data)?;
    runtime()?.block_on(line3_controller::demo::run(&data, by_default, args.boxes, told_to_stop()))
}

#[cfg(not(feature = "demo"))]
fn demo(_: DemoArgs) -> Result<()> {
    anyhow::bail!("this line3 was built without the demo (cargo feature `demo`)")
}

#[cfg(feature = "demo")]
fn agent(config: &std::path::Path) -> Result<()> {
    line3_controller::demo::run_agent(config)
}

#[cfg(not(feature = "demo"))]
fn agent(_: &std::path::Path) -> Result<()> {
    anyhow::bail!("this line3 was built without the agent (cargo feature `demo`); run line3-agent")
}

fn pki(args: PkiArgs) -> Result<()> {
    let data = data_dir(args.data)?;
    let order = match args.command {
        PkiCommand::Init => Order::Init,
        PkiCommand::Controller { id } => Order::Controller(id),
        PkiCommand::Box { ids } => Order::Boxes(ids),
        PkiCommand::Server { names } => Order::Server(names),
        PkiCommand::Mosquitto { dir, boxes_port, controllers_port } => Order::Mosquitto { dir, boxes_port, controllers_port },
    };
    #[allow(clippy::print_stdout, reason = "this is where the program speaks")]
    {
        print!("{}", certificates::make(&data, order)?);
    }
    Ok(())
}
