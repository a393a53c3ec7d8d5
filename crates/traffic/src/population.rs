//! Who acts: tenants by a Zipf-like share of the traffic, and for each a fixed set of actors with fixed traits.

use crate::json::Writer;
use crate::random::{Random, mix};
use crate::vocabulary::{FIRST_NAMES, LAST_NAMES, USER_AGENTS};

/// Actors over all tenants, before the least per tenant is applied.
const ACTORS: usize = 2_000;

/// Below this even the quietest tenant would look like a single person.
const ACTORS_PER_TENANT_MIN: usize = 4;

#[derive(Debug, Clone)]
struct Tenant {
    /// Actors of the tenants before this one, so that an actor's number is unique over all tenants.
    first_actor: usize,
    actors: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Population {
    tenants: Vec<Tenant>,
    /// Running sum of the tenants' weights; a draw below the last one chooses a tenant by binary search.
    weights: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActorKind {
    User,
    Service,
    Agent,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor {
    /// From 1, the busiest first.
    pub(crate) tenant: usize,
    pub(crate) kind: ActorKind,
    number: usize,
    traits: u64,
}

impl Population {
    pub(crate) fn new(tenants: usize) -> Self {
        // The weight of rank r is 1/(r+1), in integers so that no platform rounds differently.
        let share = |rank: usize| 1_000_000 / (rank as u64 + 1) + 1;
        let total: u64 = (0..tenants).map(share).sum();
        let mut population =
            Self { tenants: Vec::with_capacity(tenants), weights: Vec::with_capacity(tenants) };
        let (mut first_actor, mut weight) = (0, 0);
        for rank in 0..tenants {
            let actors = (ACTORS as u64 * share(rank) / total) as usize;
            let actors = actors.max(ACTORS_PER_TENANT_MIN);
            population.tenants.push(Tenant { first_actor, actors });
            first_actor += actors;
            weight += share(rank);
            population.weights.push(weight);
        }
        population
    }

    pub(crate) fn draw(&self, random: &mut Random) -> Actor {
        let total = self.weights[self.weights.len() - 1];
        let drawn = random.below(total as usize) as u64;
        let rank = self.weights.partition_point(|weight| *weight <= drawn);
        let tenant = &self.tenants[rank];
        let number = tenant.first_actor + random.skewed_below(tenant.actors);
        let traits = mix(number as u64 + 1);
        let kind = match traits % 100 {
            0..82 => ActorKind::User,
            82..94 => ActorKind::Service,
            _ => ActorKind::Agent,
        };
        Actor { tenant: rank + 1, kind, number, traits }
    }
}

impl Actor {
    pub(crate) fn write_identity(&self, writer: &mut Writer) {
        let (kind, prefix) = match self.kind {
            ActorKind::User => ("user", "usr_"),
            ActorKind::Service => ("service", "svc_"),
            ActorKind::Agent => ("agent", "agt_"),
        };
        writer.string("type", kind);
        writer.string_with("id", |writer| {
            writer.text(prefix);
            writer.padded(self.number as u32, 5);
        });
    }

    /// Names, addresses and how the actor signed in; a tool event must not carry these.
    pub(crate) fn write_person(&self, writer: &mut Writer) {
        let bits = self.traits as usize;
        if self.kind == ActorKind::User {
            let (first, first_plain) = FIRST_NAMES[(bits >> 8) % FIRST_NAMES.len()];
            let (last, last_plain) = LAST_NAMES[(bits >> 16) % LAST_NAMES.len()];
            writer.string_with("name", |writer| {
                writer.text(first);
                writer.text(" ");
                writer.text(last);
            });
            writer.string_with("email", |writer| {
                writer.text(first_plain);
                writer.text(".");
                writer.text(last_plain);
                writer.text("@tenant");
                writer.decimal(self.tenant as u64);
                writer.text(".example");
            });
        }
        writer.string_with("ip", |writer| self.write_address(writer));
        writer.string("user_agent", USER_AGENTS[(bits >> 24) % USER_AGENTS.len()]);
        let method = match self.kind {
            ActorKind::User => ["password", "oidc", "passkey"][(bits >> 40) % 3],
            ActorKind::Service | ActorKind::Agent => "token",
        };
        writer.string("auth_method", method);
    }

    /// Only blocks reserved for documentation and private use (RFC 5737, RFC 3849, RFC 1918).
    pub(crate) fn write_address(&self, writer: &mut Writer) {
        let host = self.traits >> 48;
        match (self.traits >> 32) % 8 {
            0 => {
                writer.text("2001:db8::");
                writer.hex(host | 0x1000, 4);
            }
            1..4 => {
                writer.text("203.0.113.");
                writer.decimal(host % 254 + 1);
            }
            _ => {
                writer.text("10.");
                writer.decimal(self.tenant as u64 % 256);
                writer.text(".");
                writer.decimal(host >> 8);
                writer.text(".");
                writer.decimal(host % 254 + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_population_has_about_two_thousand_actors() {
        let population = Population::new(20);
        let actors: usize = population.tenants.iter().map(|tenant| tenant.actors).sum();
        assert!((1_900..=2_100).contains(&actors), "{actors}");
    }

    #[test]
    fn the_busiest_tenant_has_the_most_traffic_and_every_tenant_has_some() {
        let population = Population::new(20);
        let mut random = Random::new(5);
        let mut counts = [0_usize; 20];
        for _ in 0..20_000 {
            counts[population.draw(&mut random).tenant - 1] += 1;
        }
        assert!(counts[0] > 3 * counts[9], "{counts:?}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}
