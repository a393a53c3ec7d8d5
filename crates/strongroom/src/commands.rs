//! One short function a subcommand.

mod append;
mod archive_list;
mod archive_restore;
mod archive_run;
mod archive_show;
mod checkpoint;
mod completions;
mod doctor;
mod expire;
mod import;
mod init;
mod key_show;
mod retention_freeze;
mod retention_status;
mod retention_thaw;
mod search;
mod serve;
mod show;
mod token_create;
mod token_list;
mod token_revoke;
mod verify;
mod verify_archive;

use crate::arguments::{ArchiveCommand, Arguments, Command, KeyCommand, RetentionCommand, TokenCommand};
use crate::failure::{Exit, Failure};

/// Runs what was asked for.
pub(crate) async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(demo) => Box::pin(crate::demo::run(global, demo)).await,
        Command::Init => init::run(global).await,
        Command::Serve(serve) => serve::run(global, serve).await,
        Command::Append(input) => append::run(global, input).await,
        Command::Import(import) => import::run(global, import).await,
        Command::Search(search) => search::run(global, search).await,
        Command::Show(show) => show::run(global, show).await,
        Command::Verify(verify) => match &verify.archive {
            Some(archive) => verify_archive::run(global, verify, archive).await,
            None => Box::pin(verify::run(global, verify)).await,
        },
        Command::Checkpoint => checkpoint::run(global).await,
        Command::Archive(ArchiveCommand::Run(run)) => archive_run::run(global, run).await,
        Command::Archive(ArchiveCommand::List(list)) => archive_list::run(global, list).await,
        Command::Archive(ArchiveCommand::Show(show)) => archive_show::run(global, show).await,
        Command::Retention(RetentionCommand::Status) => retention_status::run(global).await,
        Command::Retention(RetentionCommand::Freeze(reason)) => retention_freeze::run(global, reason).await,
        Command::Retention(RetentionCommand::Thaw(reason)) => retention_thaw::run(global, reason).await,
        Command::Archive(ArchiveCommand::Restore(restore)) => archive_restore::run(global, restore).await,
        Command::Expire(expire) => expire::run(global, expire).await,
        Command::Key(KeyCommand::Show) => key_show::run(global).await,
        Command::Token(TokenCommand::Create(create)) => token_create::run(global, create).await,
        Command::Token(TokenCommand::List) => token_list::run(global).await,
        Command::Token(TokenCommand::Revoke(revoke)) => token_revoke::run(global, revoke).await,
        Command::Doctor => doctor::run(global).await,
        Command::Completions(completions) => completions::run(completions),
    }
}
